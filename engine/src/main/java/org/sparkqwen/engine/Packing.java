package org.sparkqwen.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.Fidelity;
import org.sparkqwen.engine.checkpoint.ModelFolder;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.checkpoint.PackingPlan;
import org.sparkqwen.engine.checkpoint.PackingProgress;
import org.sparkqwen.engine.hostcache.PackedCache;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.TensorPlan;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.run.ModelComparison;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// Packs a model before its first run would, into the cache or into a model directory of its own.
public final class Packing {
    /// The other files of a model directory that a packed one needs, or that a person expects to find there.
    private static final List<String> COMPANIONS = List.of(
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.json",
            "merges.txt",
            "added_tokens.json",
            "special_tokens_map.json",
            "chat_template.jinja",
            "modules.json",
            "config_sentence_transformers.json",
            "sentence_bert_config.json",
            "1_Pooling/config.json",
            "README.md",
            "LICENSE");

    private static final Logger LOG = LoggerFactory.getLogger(Packing.class);

    private Packing() {}

    /// A packed model.
    ///
    /// @param file the file that holds its weights
    /// @param bytes size of the file
    /// @param made whether it was made now; false if it existed already
    public record Packed(Path file, long bytes, boolean made) {
        private static Packed of(PackedFile packed, boolean made) {
            try (packed) {
                return new Packed(packed.path(), packed.fileBytes(), made);
            }
        }
    }

    /// Finds the packed form of the safetensors or the GGUF of `model` in the cache, if the cache knows them
    /// without reading them.
    ///
    /// @param cache a directory, which need not exist
    /// @param model a directory, or a GGUF file
    /// @param encoding the encoding of the packed weights
    /// @throws InvalidModelException if `model` holds no weights that the engine can run, or the packed file is
    ///     damaged
    public static Optional<Packed> find(Path model, WeightEncoding encoding, Path cache) {
        return find(model, null, encoding, cache);
    }

    /// Finds the packed form like [#find(Path, WeightEncoding, Path)], of a model with an adapter.
    ///
    /// @param adapter a directory with an adapter; null for none
    public static Optional<Packed> find(Path model, @Nullable Path adapter, WeightEncoding encoding, Path cache) {
        ModelConfig config = ModelConfig.read(model);
        try (Checkpoint checkpoint = open(model, adapter, config)) {
            PackedLayout layout = layout(config, checkpoint, encoding);
            return PackingPlan.remembered(checkpoint, layout, cache)
                    .flatMap(new PackedCache(cache)::find)
                    .map(packed -> Packed.of(packed, false));
        }
    }

    /// Packs the safetensors or the GGUF of `model` into the cache, unless the cache has them already.
    ///
    /// @param model a directory, or a GGUF file
    /// @param encoding the encoding of the packed weights
    /// @throws InvalidModelException if `model` holds no weights that the engine can run
    /// @throws PackingException if the cache cannot be written to
    public static Packed intoCache(Path model, WeightEncoding encoding, Path cache, PackingProgress progress)
            throws PackingException {
        return intoCache(model, null, encoding, cache, progress);
    }

    /// Packs into the cache like [#intoCache(Path, WeightEncoding, Path, PackingProgress)], with an adapter merged
    /// into the weights.
    ///
    /// @param adapter a directory with an adapter; null for none
    public static Packed intoCache(
            Path model, @Nullable Path adapter, WeightEncoding encoding, Path cache, PackingProgress progress)
            throws PackingException {
        ModelConfig config = ModelConfig.read(model);
        try (Checkpoint checkpoint = open(model, adapter, config)) {
            PackingPlan plan = PackingPlan.of(checkpoint, layout(config, checkpoint, encoding), cache);
            PackedCache.Opened opened = new PackedCache(cache).open(plan, progress);
            return Packed.of(opened.file(), opened.made());
        }
    }

    /// Makes `output` a model directory that needs neither safetensors nor GGUF, with packed weights and copies of
    /// the other files, or the files that the metadata of a GGUF stand for. Does nothing if it is such a directory
    /// already.
    ///
    /// @param model a directory, or a GGUF file
    /// @param encoding the encoding of the packed weights
    /// @param output directory, which need not exist
    /// @param cache directory in which sha256 are remembered
    /// @throws InvalidModelException if `model` holds no weights that the engine can run
    /// @throws IllegalArgumentException if `output` holds anything else
    /// @throws PackingException if `output` cannot be written to; nothing is left there then
    public static Packed intoDirectory(
            Path model, WeightEncoding encoding, Path output, Path cache, PackingProgress progress)
            throws PackingException {
        return intoDirectory(model, null, encoding, output, cache, progress);
    }

    /// Makes a model directory like [#intoDirectory(Path, WeightEncoding, Path, Path, PackingProgress)], with an
    /// adapter merged into the weights.
    ///
    /// @param adapter a directory with an adapter; null for none
    public static Packed intoDirectory(
            Path model,
            @Nullable Path adapter,
            WeightEncoding encoding,
            Path output,
            Path cache,
            PackingProgress progress)
            throws PackingException {
        ModelConfig config = ModelConfig.read(model);
        try (Checkpoint checkpoint = open(model, adapter, config)) {
            PackingPlan plan = PackingPlan.of(checkpoint, layout(config, checkpoint, encoding), cache);
            Path file = output.resolve(PackedFile.NAME);
            if (Files.exists(file)) {
                refuseOther(plan, file);
                return Packed.of(PackedFile.open(file), false);
            }
            refuseContent(output);
            writeDirectory(plan, output, file, progress);
            return Packed.of(PackedFile.open(file), true);
        }
    }

    private static Checkpoint open(Path model, @Nullable Path adapter, ModelConfig config) {
        return Checkpoint.open(model, config.family().names(), adapter);
    }

    private static PackedLayout layout(ModelConfig config, Checkpoint checkpoint, WeightEncoding encoding) {
        TensorPlan tensors = TensorPlan.of(config.with(checkpoint));
        tensors.refuseDifferences(checkpoint);
        return tensors.layout(checkpoint, encoding);
    }

    private static void refuseOther(PackingPlan plan, Path file) {
        try (PackedFile packed = PackedFile.open(file)) {
            if (!plan.made(packed)) {
                throw new IllegalArgumentException(
                        "%s is packed from other weights or with another adapter than %s, or in another encoding;%s"
                                .formatted(file, plan.checkpoint().model(), " choose another directory"));
            }
        }
    }

    private static void refuseContent(Path output) throws PackingException {
        if (!Files.exists(output)) {
            return;
        }
        if (!Files.isDirectory(output)) {
            throw new IllegalArgumentException("%s is not a directory".formatted(output));
        }
        try (Stream<Path> content = Files.list(output)) {
            Optional<Path> any = content.sorted().findFirst();
            if (any.isPresent()) {
                throw new IllegalArgumentException("%s is not empty, it holds %s; choose another directory"
                        .formatted(output, any.get().getFileName()));
            }
        } catch (IOException e) {
            throw new PackingException(output, e);
        }
    }

    /// Writes the directory. The weights get their name last, so until then the directory is no model.
    private static void writeDirectory(PackingPlan plan, Path output, Path file, PackingProgress progress)
            throws PackingException {
        Path temporary = output.resolve(PackedFile.NAME + ".tmp");
        List<Path> written = new ArrayList<>();
        boolean complete = false;
        try {
            if (!Files.exists(output)) {
                Files.createDirectories(output);
                written.add(output);
            }
            plan.write(temporary, progress);
            written.add(temporary);
            ModelFolder folder = ModelFolder.of(plan.checkpoint().model());
            for (String name : COMPANIONS) {
                if (folder.has(name)) {
                    Path companion = output.resolve(name);
                    Path parent = Objects.requireNonNull(companion.getParent());
                    if (!Files.exists(parent)) {
                        Files.createDirectory(parent);
                        written.add(parent);
                    }
                    written.add(companion);
                    Files.write(companion, folder.read(name), StandardOpenOption.CREATE_NEW);
                }
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
            complete = true;
        } catch (PackingException e) {
            throw e;
        } catch (IOException e) {
            throw new PackingException(output, e);
        } finally {
            if (!complete) {
                delete(written.reversed());
            }
        }
    }

    /// Deletes what was written, as far as possible, because the reason why nothing could be written is the better
    /// message.
    private static void delete(List<Path> written) {
        for (Path path : written) {
            try {
                Files.deleteIfExists(path);
            } catch (IOException e) {
                LOG.debug("{} is left behind", path, e);
            }
        }
    }

    /// The tokens of a window when models are compared.
    private static final int WINDOW = 512;

    /// Measures how far a packed model is from the model that it was packed from, on the first tokens of some
    /// texts. Each text is cut into windows of 512 tokens, in which each token but the first is predicted.
    ///
    /// @param published the model with all numbers
    /// @param packed the model as it was packed, with the same tokenizer
    /// @param name what the texts are called
    /// @param mostTokens tokens that are compared at most, or one window more
    /// @param progress gets the number of tokens so far
    /// @throws IllegalArgumentException if no text has two tokens, or the model has no head
    public static Fidelity compare(
            Engine published,
            Engine packed,
            String name,
            Iterator<String> texts,
            int mostTokens,
            IntConsumer progress) {
        if (published.config().headless()) {
            throw new IllegalArgumentException(
                    "the model is one for embeddings, and predicts no tokens that could be compared");
        }
        ModelComparison comparison = new ModelComparison(published.model(), packed.model());
        while (texts.hasNext() && comparison.tokens() < mostTokens) {
            String text = texts.next();
            if (text.isEmpty()) {
                continue;
            }
            int[] tokens = published.tokens(new Content.Text(text, SpecialTokens.TEXT));
            for (int from = 0; from < tokens.length - 1 && comparison.tokens() < mostTokens; from += WINDOW) {
                int end = Math.min(tokens.length, from + WINDOW);
                if (end - from > 1) {
                    comparison.add(Arrays.copyOfRange(tokens, from, end));
                    progress.accept(comparison.tokens());
                }
            }
        }
        if (comparison.tokens() == 0) {
            throw new IllegalArgumentException("%s has no text of two tokens".formatted(Quote.of(name)));
        }
        return comparison.result(name);
    }

    /// Reads all of a packed file and compares every checksum.
    ///
    /// @return bytes of the file
    /// @throws InvalidModelException if any of it is damaged
    public static long verify(Path file, PackingProgress progress) {
        try (PackedFile packed = PackedFile.open(file)) {
            progress.start(packed.layout().tensorBytes());
            packed.tensors().parallelStream().forEach(tensor -> {
                packed.check(tensor);
                progress.advance(tensor.bytes());
            });
            return packed.fileBytes();
        }
    }
}
