package org.sparkqwen.job.testing;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/// [LittleModel] as a model for embeddings: without a head, with the files of sentence-transformers, and with a
/// tokenizer that puts the end-of-text token after every text.
public final class LittleEmbeddingModel {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private LittleEmbeddingModel() {}

    /// Returns the directory of the model, the same for the whole life of the JVM.
    public static Path directory() {
        return Written.DIRECTORY;
    }

    /// Returns the arguments of a job with this model.
    ///
    /// @param input a path, like `output`
    public static String[] command(String command, Object input, Object output, String... options) {
        String[] all = Stream.concat(Stream.of("--kernels", "scalar"), Stream.of(options))
                .toArray(String[]::new);
        return LocalSpark.command(directory(), command, input, output, all);
    }

    /// What is made once in a JVM, when it is first asked for.
    private static final class Written {
        static final Path DIRECTORY = write();

        private static Path write() {
            try {
                Path target = Files.createDirectories(Path.of("target"));
                Path directory =
                        Files.createTempDirectory(target, "little-embedding-").toAbsolutePath();
                try (Stream<Path> files = Files.list(LittleModel.directory())) {
                    for (Path file : files.filter(Files::isRegularFile).toList()) {
                        Files.copy(file, directory.resolve(file.getFileName()));
                    }
                }
                edit(directory.resolve("config.json"), """
                    {"architectures": ["Qwen3Model"], "tie_word_embeddings": false}
                    """);
                edit(directory.resolve("tokenizer.json"), """
                    {"post_processor": {"type": "TemplateProcessing",
                        "single": [{"Sequence": {"id": "A", "type_id": 0}},
                            {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}],
                        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                        "special_tokens": {"<|endoftext|>":
                            {"id": "<|endoftext|>", "ids": [8189], "tokens": ["<|endoftext|>"]}}}}
                    """);
                Files.writeString(directory.resolve("modules.json"), """
                    [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                     {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                     {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]
                    """);
                Files.writeString(
                        Files.createDirectory(directory.resolve("1_Pooling")).resolve("config.json"), """
                        {"word_embedding_dimension": 32, "pooling_mode_lasttoken": true, "include_prompt": true}
                        """);
                Files.writeString(directory.resolve("config_sentence_transformers.json"), """
                    {"prompts": {"query": "Instruct: Find texts\\nQuery:", "document": ""}, "default_prompt_name": null}
                    """);
                return directory;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private static void edit(Path file, String members) throws IOException {
            ObjectNode json = (ObjectNode) MAPPER.readTree(file.toFile());
            json.setAll((ObjectNode) MAPPER.readTree(members));
            MAPPER.writeValue(file.toFile(), json);
        }
    }
}
