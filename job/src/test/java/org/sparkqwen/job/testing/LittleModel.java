package org.sparkqwen.job.testing;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// A model of one layer and 32 hidden units, with random weights and the sample model's tokenizer. It is for tests of
/// processes, places and files, in which it does not matter what the model computes.
///
/// The scalar kernels compute it, which are fast enough for it without the optimizing compiler of the JVM. So a process
/// that runs it takes a third of the processor time that the sample model takes.
public final class LittleModel {
    private static final int HIDDEN = 32;
    private static final int HEAD_DIM = 16;

    private LittleModel() {}

    /// Returns the directory of the model, the same for the whole life of the JVM.
    public static Path directory() {
        return Written.DIRECTORY;
    }

    /// Returns the arguments of a job with this model.
    ///
    /// @param input a path, like `output`
    public static String[] command(String command, Object input, Object output, String... options) {
        Stream<String> kernels = command.equals("tokenize") ? Stream.of() : Stream.of("--kernels", "scalar");
        String[] all = Stream.concat(kernels, Stream.of(options)).toArray(String[]::new);
        return LocalSpark.command(directory(), command, input, output, all);
    }

    /// What is made once in a JVM, when it is first asked for.
    private static final class Written {
        static final Path DIRECTORY = write();

        private static Path write() {
            try {
                Path target = Files.createDirectories(Path.of("target"));
                Path directory =
                        Files.createTempDirectory(target, "little-model-").toAbsolutePath();
                ObjectMapper mapper = new ObjectMapper();
                ObjectNode config = (ObjectNode)
                        mapper.readTree(LocalSpark.MODEL.resolve("config.json").toFile());
                config.put("hidden_size", HIDDEN);
                config.put("intermediate_size", 2 * HIDDEN);
                config.put("num_hidden_layers", 1);
                config.put("max_window_layers", 1);
                config.put("num_attention_heads", 2);
                config.put("num_key_value_heads", 1);
                config.put("head_dim", HEAD_DIM);
                RandomCheckpoint.write(config, directory);
                for (String file : List.of("generation_config.json", "tokenizer_config.json")) {
                    Files.copy(LocalSpark.MODEL.resolve(file), directory.resolve(file));
                }
                return directory;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
