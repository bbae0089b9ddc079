package org.sparkqwen.job.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.sparkqwen.engine.tokenizer.ChatTemplate;
import org.sparkqwen.engine.tokenizer.TextPart;
import org.sparkqwen.engine.tokenizer.Tokenizer;

/// [LittleModel] with Qwen3's chat template. It is for tests of conversations, in which it does not matter what the
/// model answers.
public final class LittleChatModel {
    private static final Path QWEN3 = Path.of("../engine/src/test/resources/golden/qwen3-tokenizer_config.json");

    private LittleChatModel() {}

    /// Returns the directory of the model, the same for the whole life of the JVM.
    public static Path directory() {
        return Written.DIRECTORY;
    }

    /// Copies the model into `directory`, where a test may change it, and returns the directory.
    public static Path copyTo(Path directory) throws IOException {
        copy(directory(), Files.createDirectories(directory));
        return directory;
    }

    /// Returns Qwen3's chat template.
    public static ChatTemplate template() {
        return ChatTemplate.read(directory()).orElseThrow();
    }

    /// Returns the number of tokens of a prompt.
    public static int tokens(List<TextPart> parts) {
        return Written.TOKENIZER.encode(parts).length;
    }

    /// Returns the arguments of a job with the model, or with a copy of it.
    ///
    /// @param model the directory of the model
    /// @param input a path, like `output`
    public static String[] command(Path model, String command, Object input, Object output, String... options) {
        String[] all = Stream.concat(Stream.of("--kernels", "scalar"), Stream.of(options))
                .toArray(String[]::new);
        return LocalSpark.command(model, command, input, output, all);
    }

    private static void copy(Path from, Path to) throws IOException {
        try (var files = Files.newDirectoryStream(from)) {
            for (Path file : files) {
                Files.copy(file, to.resolve(file.getFileName()));
            }
        }
    }

    /// What is made once in a JVM, when it is first asked for.
    private static final class Written {
        static final Path DIRECTORY = write();
        static final Tokenizer TOKENIZER = Tokenizer.ofModel(DIRECTORY);

        private static Path write() {
            try {
                Path target = Files.createDirectories(Path.of("target"));
                Path directory =
                        Files.createTempDirectory(target, "little-chat-model-").toAbsolutePath();
                copy(LittleModel.directory(), directory);
                ObjectMapper json = new ObjectMapper(); // of Qwen3's file the template alone: its tokens are other ones
                JsonNode template = json.readTree(QWEN3.toFile()).get("chat_template");
                json.writeValue(
                        directory.resolve("tokenizer_config.json").toFile(),
                        json.createObjectNode().set("chat_template", template));
                return directory;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
