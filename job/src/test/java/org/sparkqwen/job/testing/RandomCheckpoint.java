package org.sparkqwen.job.testing;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.PlannedTensor;
import org.sparkqwen.engine.model.TensorPlan;
import org.sparkqwen.engine.model.family.PublishedShape;

/// A Hugging Face directory with random weights. One of a published size is as large as the real one.
public final class RandomCheckpoint {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int BUFFER_BYTES = 1 << 22;

    private RandomCheckpoint() {}

    /// Writes config.json, model.safetensors in bfloat16, and the small model's tokenizer.
    ///
    /// @param directory created if it does not exist
    public static void write(PublishedShape shape, Path directory) throws IOException {
        write(json(shape.config(shape.layers())), directory);
    }

    /// Writes config.json, model.safetensors in bfloat16, and the small model's tokenizer.
    ///
    /// @param config the content of config.json
    /// @param directory created if it does not exist
    public static void write(ObjectNode config, Path directory) throws IOException {
        Files.createDirectories(directory);
        Files.writeString(directory.resolve("config.json"), config.toPrettyString());
        Files.copy(LocalSpark.MODEL.resolve("tokenizer.json"), directory.resolve("tokenizer.json"));
        writeWeights(TensorPlan.of(ModelConfig.read(directory)), directory.resolve("model.safetensors"));
    }

    private static ObjectNode json(ModelConfig config) {
        ObjectNode json = JSON.createObjectNode();
        json.putArray("architectures").add("Qwen3ForCausalLM");
        json.put("model_type", "qwen3");
        json.put("vocab_size", config.vocabSize());
        json.put("hidden_size", config.hiddenSize());
        json.put("intermediate_size", config.intermediateSize());
        json.put("num_hidden_layers", config.layers());
        json.put("num_attention_heads", config.attention().heads());
        json.put("num_key_value_heads", config.attention().keyValueHeads());
        json.put("head_dim", config.attention().headDim());
        json.put("max_position_embeddings", config.maxPositions());
        json.put("tie_word_embeddings", config.tiedEmbeddings());
        json.put("rms_norm_eps", 1e-6);
        json.put("rope_theta", 1e6);
        json.put("hidden_act", "silu");
        json.put("torch_dtype", "bfloat16");
        return json;
    }

    private static void writeWeights(TensorPlan plan, Path file) throws IOException {
        ObjectNode header = JSON.createObjectNode();
        long at = 0;
        for (PlannedTensor tensor : plan.tensors()) {
            ObjectNode entry = header.putObject(tensor.name());
            entry.put("dtype", "BF16");
            ArrayNode shape = entry.putArray("shape");
            long bytes = Short.BYTES;
            for (int size : tensor.shape()) {
                shape.add(size);
                bytes *= size;
            }
            entry.putArray("data_offsets").add(at).add(at + bytes);
            at += bytes;
        }
        byte[] text = JSON.writeValueAsBytes(header);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
            channel.write(ByteBuffer.allocate(Long.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(0, text.length));
            channel.write(ByteBuffer.wrap(text));
            writeNumbers(channel, at);
        }
    }

    /// Writes numbers of either sign between 0.0078 and 0.0156: bfloat16's lower bits and sign are random.
    private static void writeNumbers(FileChannel channel, long bytes) throws IOException {
        Random random = new Random(1);
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (long written = 0; written < bytes; written += buffer.limit()) {
            buffer.clear();
            for (int i = 0; i < BUFFER_BYTES; i += Long.BYTES) {
                buffer.putLong(i, (random.nextLong() & 0x807f_807f_807f_807fL) | 0x3c00_3c00_3c00_3c00L);
            }
            buffer.limit((int) Math.min(BUFFER_BYTES, bytes - written));
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
        }
    }
}
