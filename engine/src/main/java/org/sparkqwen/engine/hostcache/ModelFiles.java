package org.sparkqwen.engine.hostcache;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.AdapterFiles;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.ModelFolder;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.Sha256;
import org.sparkqwen.engine.checkpoint.SourceFile;
import org.sparkqwen.engine.checkpoint.SourceHashes;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.gguf.GgufNames;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelInput;

/// The files of a model directory that the engine reads, with their sizes and sha256. A copy must have all of them.
/// Nothing else of a directory is ever copied.
///
/// @param files in the order of their names
public record ModelFiles(List<ModelFile> files) implements Serializable {
    private static final String TOKENIZER = "tokenizer.json";

    /// The file that names the modules of sentence-transformers, some of which have a folder with their
    /// configuration.
    public static final String MODULES = "modules.json";

    /// The name of a module's configuration in its folder. It can only be what the engine does, or be refused, so
    /// it is copied, and does not decide results.
    public static final String OF_MODULE = "config.json";

    /// The files beside the weights that decide results, if the model has them.
    private static final List<String> BESIDE_WEIGHTS = List.of(
            "config.json",
            "generation_config.json",
            TOKENIZER,
            "tokenizer_config.json",
            "chat_template.jinja",
            "added_tokens.json",
            "special_tokens_map.json",
            MODULES,
            "config_sentence_transformers.json",
            "sentence_bert_config.json");

    /// The files that make a tokenizer if there is no tokenizer.json, and that are ignored if there is one.
    private static final List<String> INSTEAD_OF_TOKENIZER = List.of("vocab.json", "merges.txt");

    public ModelFiles {
        files = files.stream().sorted(Comparator.comparing(ModelFile::name)).toList();
    }

    /// Lists a model's files. It reads every byte once, but weights not again while the cache knows them.
    ///
    /// @param cache a directory, see [SourceHashes]; null for none
    /// @throws UncheckedIOException if a file cannot be read
    public static ModelFiles of(WeightFiles weights, @Nullable Path cache) {
        List<ModelFile> files = new ArrayList<>();
        try {
            List<Path> heavy = weights.files();
            List<SourceFile> hashes = new SourceHashes(cache).of(heavy);
            for (int i = 0; i < heavy.size(); i++) {
                SourceFile source = hashes.get(i);
                files.add(new ModelFile(source.name(), Files.size(heavy.get(i)), source.sha256()));
            }
            for (String name : isGguf(weights)
                    ? besideWeights(weights, present(weights.directory())::contains)
                    : light(present(weights.directory()), String.valueOf(weights.directory()))) {
                files.add(read(weights.directory(), name));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new ModelFiles(files);
    }

    /// Lists the files of an adapter.
    ///
    /// @param cache a directory, see [SourceHashes]; null for none
    /// @throws UncheckedIOException if a file cannot be read
    public static ModelFiles of(AdapterFiles adapter, @Nullable Path cache) {
        List<ModelFile> files = new ArrayList<>();
        try {
            List<SourceFile> hashes = new SourceHashes(cache).of(adapter.files());
            for (int i = 0; i < hashes.size(); i++) {
                long bytes = Files.size(adapter.files().get(i));
                files.add(
                        new ModelFile(hashes.get(i).name(), bytes, hashes.get(i).sha256()));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new ModelFiles(files);
    }

    /// Lists a single file, such as a tokenizer.json.
    ///
    /// @throws UncheckedIOException if it cannot be read
    public static ModelFiles of(Path file) {
        try {
            return new ModelFiles(List.of(read(
                    Objects.requireNonNull(file.toAbsolutePath().getParent()), String.valueOf(file.getFileName()))));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ModelFile read(Path directory, String name) throws IOException {
        Path file = directory.resolve(name);
        return new ModelFile(name, Files.size(file), Sha256.of(file));
    }

    private static Set<String> present(Path directory) throws IOException {
        Set<String> present = new TreeSet<>();
        try (Stream<Path> content = Files.list(directory)) {
            for (Path path : content.toList()) {
                String name = String.valueOf(path.getFileName());
                if (Files.isRegularFile(path)) {
                    present.add(name);
                } else if (Files.isRegularFile(path.resolve(OF_MODULE))) {
                    present.add(name + "/" + OF_MODULE);
                }
            }
        }
        return present;
    }

    private static boolean isGguf(WeightFiles weights) {
        return String.valueOf(weights.files().getFirst().getFileName()).endsWith(GgufNames.ENDING);
    }

    /// The names of the files beside open weights that decide results, among those for which `isThere` is true.
    static List<String> besideWeights(WeightFiles weights, Predicate<String> isThere) {
        return isGguf(weights) ? ModelFolder.besideGguf(isThere) : besideWeights(isThere);
    }

    /// Selects, from all names of a directory, those that a GGUF model of it needs.
    ///
    /// @param gguf the model's single file, or its first part
    /// @param origin the directory, for messages
    /// @throws InvalidModelException if a file of the model is not there
    public static Set<String> ofGguf(String gguf, Set<String> present, String origin) {
        List<String> files = GgufNames.of(gguf, origin);
        requireAll(files, present, origin);
        Set<String> names = new TreeSet<>(files);
        names.addAll(ModelFolder.besideGguf(present::contains));
        return names;
    }

    /// The files of the GGUF model of a directory; empty if its weights are of another kind.
    private static List<String> gguf(Set<String> present, String origin) {
        boolean others =
                Stream.of(Checkpoint.SINGLE, ModelInput.INDEX, PackedFile.NAME).anyMatch(present::contains);
        return others ? List.of() : GgufNames.only(present, origin);
    }

    /// Whether these are the files of an adapter, without any others.
    private static boolean isAdapter(Set<String> present) {
        return present.equals(Set.copyOf(AdapterFiles.NAMES));
    }

    /// The names of the files beside safetensors or packed weights that decide results.
    private static List<String> besideWeights(Predicate<String> isThere) {
        List<String> names = new ArrayList<>(BESIDE_WEIGHTS);
        if (!isThere.test(TOKENIZER)) {
            names.addAll(INSTEAD_OF_TOKENIZER);
        }
        names.removeIf(isThere.negate());
        return names;
    }

    /// The names in `present` that are not weights, but decide which files are.
    ///
    /// @param origin for messages
    /// @throws InvalidModelException if there are several GGUF models and nothing else
    static List<String> light(Set<String> present, String origin) {
        if (isAdapter(present)) {
            return List.of(AdapterFiles.SETTINGS);
        }
        if (!gguf(present, origin).isEmpty()) {
            return ModelFolder.besideGguf(present::contains);
        }
        List<String> names = new ArrayList<>(besideWeights(present::contains));
        if (present.contains(MODULES)) {
            present.stream()
                    .filter(name -> name.endsWith("/" + OF_MODULE) && name.matches(ModelFile.NAME))
                    .sorted()
                    .forEach(names::add);
        }
        if (!present.contains(Checkpoint.SINGLE)) {
            names.add(ModelInput.INDEX);
        }
        names.retainAll(present);
        return names;
    }

    /// The names of the weights in a directory whose [#light] files are here already.
    ///
    /// @param directory directory that has the light files
    /// @param origin for messages
    /// @throws InvalidModelException if there are none, or both kinds
    static List<String> weights(Path directory, Set<String> present, String origin) {
        if (isAdapter(present)) {
            return List.of(AdapterFiles.WEIGHTS);
        }
        List<String> names = new ArrayList<>(gguf(present, origin));
        if (present.contains(Checkpoint.SINGLE)) {
            names.add(Checkpoint.SINGLE);
        } else if (present.contains(ModelInput.INDEX)) {
            names.addAll(Checkpoint.shards(directory.resolve(ModelInput.INDEX)));
        }
        if (present.contains(PackedFile.NAME)) {
            names.add(PackedFile.NAME);
        }
        if (names.isEmpty()) {
            throw new InvalidModelException("%s: none of %s, %s and %s is there, and no GGUF file"
                    .formatted(origin, Checkpoint.SINGLE, ModelInput.INDEX, PackedFile.NAME));
        }
        if (names.size() > 1 && names.contains(PackedFile.NAME)) {
            throw new InvalidModelException("%s: holds both %s and safetensors; remove the one that is not wanted"
                    .formatted(origin, PackedFile.NAME));
        }
        requireAll(names, present, origin);
        return names;
    }

    private static void requireAll(List<String> names, Set<String> present, String origin) {
        for (String name : names) {
            if (!present.contains(name)) {
                throw new InvalidModelException("%s: %s names %s, which does not exist; upload that file too"
                        .formatted(
                                origin, name.endsWith(GgufNames.ENDING) ? names.getFirst() : ModelInput.INDEX, name));
            }
        }
    }

    public long bytes() {
        return files.stream().mapToLong(ModelFile::bytes).sum();
    }

    /// The identity of a copy of these files: sha256 over what `sha256sum` prints of them.
    public String key() {
        StringBuilder text = new StringBuilder();
        files.forEach(file -> text.append(new SourceFile(file.name(), file.sha256())));
        return Sha256.of(text.toString());
    }
}
