package org.sparkqwen.engine.hostcache;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.checkpoint.Sha256;
import org.sparkqwen.engine.checkpoint.SourceFile;
import org.sparkqwen.engine.checkpoint.SourceHashes;
import org.sparkqwen.engine.modelfile.ModelInput;

/// Remembers what this host copied of models that lie somewhere else: `models/<key of the listing>.origin` holds the
/// sizes and sha256 of those files. If nothing is known yet, all of the model is copied to learn them.
final class OriginCopies {
    private static final Logger LOG = LoggerFactory.getLogger(OriginCopies.class);

    private static final Pattern LINE =
            Pattern.compile("(%s) (\\d{1,18}) (%s)".formatted(SourceFile.SHA256, ModelFile.NAME));

    private final Path models;

    OriginCopies(Path models) {
        this.models = models;
    }

    Optional<ModelFiles> known(ModelOrigin origin) {
        Path file = known(origin.key());
        List<ModelFile> files = new ArrayList<>();
        for (String line : SourceHashes.lines(file)) {
            Matcher matcher = LINE.matcher(line);
            if (!matcher.matches()) {
                return Optional.empty();
            }
            files.add(new ModelFile(matcher.group(3), Long.parseLong(matcher.group(2)), matcher.group(1)));
        }
        return files.isEmpty() ? Optional.empty() : Optional.of(new ModelFiles(files));
    }

    private Path known(String key) {
        return models.resolve(key + ".origin");
    }

    /// Copies the files of `origin` that the engine reads into `part`. The small files come first, because they say
    /// which files are the weights.
    ///
    /// @param copy copies files of the given sizes
    /// @return the files that were copied
    /// @throws InvalidModelException if it is no model
    static ModelFiles copy(ModelOrigin origin, PartialCopy part, FileCopy copy) throws IOException {
        Map<String, Long> sizes = new TreeMap<>();
        for (String name : ModelFiles.light(origin.names(), origin.uri())) {
            ModelInput.requireSize(Path.of(name), origin.bytes(name));
            sizes.put(name, origin.bytes(name));
        }
        copy.copy(sizes);
        ModelFiles.weights(part.directory(), origin.names(), origin.uri())
                .forEach(name -> sizes.put(name, origin.bytes(name)));
        copy.copy(sizes);
        return new ModelFiles(sizes.keySet().parallelStream()
                .map(name -> new ModelFile(
                        name, origin.bytes(name), Sha256.of(part.directory().resolve(name))))
                .toList());
    }

    /// Copies the files that are not there yet.
    interface FileCopy {
        void copy(Map<String, Long> sizes) throws IOException;
    }

    /// Remembers the files if possible. Without that things are slower, and nothing else changes.
    void remember(ModelOrigin origin, ModelFiles files) {
        if (!SourceHashes.isSettled(Instant.ofEpochMilli(origin.newest()))) {
            return;
        }
        StringBuilder lines = new StringBuilder();
        files.files().forEach(file -> lines.append("%s %d %s%n".formatted(file.sha256(), file.bytes(), file.name())));
        try {
            SourceHashes.replace(known(origin.key()), lines.toString());
        } catch (IOException e) {
            LOG.debug("nothing remembered of {}", origin.uri(), e);
        }
    }
}
