package org.sparkqwen.engine.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/// The model for embeddings with reference values: a random one in the layout of Qwen3-Embedding.
///
/// The resources have only those rows of its vocabulary that the texts need, and its tokenizer is that of the sample
/// model with another post-processor.
public final class EmbeddingModel {
    private static final Path SOURCE = Golden.DIRECTORY.resolve("embedding");
    private static final String EMBEDDING = "embed_tokens.weight";
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private EmbeddingModel() {}

    /// Returns the reference values.
    public static JsonNode golden() {
        return Golden.read(SOURCE.resolve("golden.json"));
    }

    /// Writes the model's files. Tokens that no reference text has are vectors of zeros.
    ///
    /// @param to an empty directory
    public static ModelCopy in(Path to) {
        try {
            for (String name : List.of("config.json", "modules.json", "config_sentence_transformers.json")) {
                Files.copy(SOURCE.resolve(name), to.resolve(name));
            }
            Files.createDirectory(to.resolve("1_Pooling"));
            Files.copy(SOURCE.resolve("pooling.json"), to.resolve("1_Pooling/config.json"));
            Files.copy(Golden.SMALL_MODEL.resolve("tokenizer_config.json"), to.resolve("tokenizer_config.json"));
            ObjectNode tokenizer = (ObjectNode) Golden.read(Golden.SMALL_MODEL.resolve("tokenizer.json"));
            tokenizer.set("post_processor", Golden.read(SOURCE.resolve("post_processor.json")));
            MAPPER.writeValue(to.resolve("tokenizer.json").toFile(), tokenizer);
            Path weights = to.resolve("model.safetensors");
            Files.copy(SOURCE.resolve("weights.safetensors"), weights);
            int[] ids = Golden.ints(golden().get("embedded_ids"));
            int vocabulary =
                    Golden.read(to.resolve("config.json")).get("vocab_size").intValue();
            SafetensorsWriter.rewrite(weights, tensors -> {
                SafetensorsWriter.Tensor rows = Objects.requireNonNull(tensors.get(EMBEDDING));
                int rowBytes = rows.bytes().length / ids.length;
                byte[] all = new byte[vocabulary * rowBytes];
                for (int i = 0; i < ids.length; i++) {
                    System.arraycopy(rows.bytes(), i * rowBytes, all, ids[i] * rowBytes, rowBytes);
                }
                tensors.put(
                        EMBEDDING,
                        new SafetensorsWriter.Tensor(
                                rows.dtype(), List.of(vocabulary, rows.shape().getLast()), all));
            });
            return new ModelCopy(to);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
