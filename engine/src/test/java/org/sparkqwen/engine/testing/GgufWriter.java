package org.sparkqwen.engine.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Builds GGUF files for tests. [#bytes] is a valid file, unless the test puts in something that is not.
public final class GgufWriter {
    public static final int F32 = 0;
    public static final int F16 = 1;
    public static final int BF16 = 30;

    private static final int UINT32 = 4;
    private static final int INT32 = 5;
    private static final int FLOAT32 = 6;
    private static final int BOOL = 7;
    private static final int STRING = 8;
    private static final int ARRAY = 9;

    private final Map<String, Object> metadata = new LinkedHashMap<>();
    private final List<Tensor> tensors = new ArrayList<>();
    private int version = 3;
    private int alignment = 32;

    /// A tensor.
    ///
    /// @param type the id of its number format
    /// @param shape the outer dimension first
    public record Tensor(String name, int type, List<Integer> shape, byte[] bytes) {}

    /// Sets a value of the metadata.
    ///
    /// @param value an Integer (UINT32), a Float, a Boolean, a String, an `int[]` (INT32) or a list of strings; or
    ///     the bytes of a type and a value, which are written as they are
    public GgufWriter put(String key, Object value) {
        metadata.put(key, value);
        return this;
    }

    public GgufWriter remove(String key) {
        metadata.remove(key);
        return this;
    }

    public GgufWriter add(String name, int type, List<Integer> shape, byte[] bytes) {
        tensors.add(new Tensor(name, type, shape, bytes));
        return this;
    }

    public List<Tensor> tensors() {
        return tensors;
    }

    public GgufWriter version(int number) {
        version = number;
        return this;
    }

    public GgufWriter alignment(int bytes) {
        alignment = bytes;
        return put("general.alignment", bytes);
    }

    /// Returns the header, up to the padding before the data.
    public byte[] header() {
        Bytes out = new Bytes();
        out.write("GGUF".getBytes(StandardCharsets.US_ASCII));
        out.putInt(version).putLong(tensors.size()).putLong(metadata.size());
        metadata.forEach((key, value) -> out.putText(key).putValue(value));
        long offset = 0;
        for (Tensor tensor : tensors) {
            out.putText(tensor.name()).putInt(tensor.shape().size());
            for (int size : tensor.shape().reversed()) {
                out.putLong(size);
            }
            out.putInt(tensor.type()).putLong(offset);
            offset = aligned(offset + tensor.bytes().length);
        }
        return out.toByteArray();
    }

    public byte[] bytes() {
        Bytes out = new Bytes();
        out.write(header());
        out.pad(alignment);
        for (Tensor tensor : tensors) {
            out.write(tensor.bytes());
            out.pad(alignment);
        }
        return out.toByteArray();
    }

    public Path write(Path file) {
        try {
            return Files.write(file, bytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private long aligned(long offset) {
        return Math.ceilDiv(offset, alignment) * (long) alignment;
    }

    /// Makes the GGUF of a model directory without a tokenizer. Matrices of experts are joined.
    public static GgufWriter of(Path model) {
        GgufWriter writer = new GgufWriter();
        JsonNode config = json(model.resolve("config.json"));
        String architecture = config.path("model_type").textValue().replace("_", "");
        String start = architecture + ".";
        writer.put("general.architecture", architecture)
                .put(start + "block_count", config.path("num_hidden_layers").intValue())
                .put(
                        start + "context_length",
                        config.path("max_position_embeddings").intValue())
                .put(start + "embedding_length", config.path("hidden_size").intValue())
                .put(
                        start + "feed_forward_length",
                        config.path("intermediate_size").intValue())
                .put(
                        start + "attention.head_count",
                        config.path("num_attention_heads").intValue())
                .put(
                        start + "attention.head_count_kv",
                        config.path("num_key_value_heads").intValue())
                .put(
                        start + "attention.layer_norm_rms_epsilon",
                        config.path("rms_norm_eps").floatValue())
                .put(start + "rope.freq_base", config.path("rope_theta").floatValue())
                .put("tokenizer.ggml.eos_token_id", config.path("eos_token_id").intValue());
        if (config.has("head_dim")) {
            writer.put(start + "attention.key_length", config.path("head_dim").intValue());
        }
        if (config.has("num_experts")) {
            writer.put(start + "expert_count", config.path("num_experts").intValue())
                    .put(
                            start + "expert_used_count",
                            config.path("num_experts_per_tok").intValue())
                    .put(
                            start + "expert_feed_forward_length",
                            config.path("moe_intermediate_size").intValue());
        }
        JsonNode scaling = config.path("rope_scaling");
        if (scaling.isObject()) {
            writer.put(start + "rope.scaling.type", scaling.path("rope_type").textValue())
                    .put(start + "rope.scaling.factor", scaling.path("factor").floatValue())
                    .put(
                            start + "rope.scaling.original_context_length",
                            scaling.path("original_max_position_embeddings").intValue());
        }
        Map<String, SafetensorsWriter.Tensor> tensors = new LinkedHashMap<>();
        try (var files = Files.list(model)) {
            files.filter(file -> file.toString().endsWith(".safetensors"))
                    .sorted()
                    .forEach(file -> tensors.putAll(SafetensorsWriter.read(file)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        writer.addAll(tensors);
        return writer;
    }

    private void addAll(Map<String, SafetensorsWriter.Tensor> all) {
        Map<String, List<SafetensorsWriter.Tensor>> joined = new LinkedHashMap<>();
        all.forEach((name, tensor) ->
                joined.computeIfAbsent(ggufName(name), _ -> new ArrayList<>()).add(tensor));
        joined.forEach((name, parts) -> {
            SafetensorsWriter.Tensor first = parts.getFirst();
            List<Integer> shape = new ArrayList<>(first.shape());
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            parts.forEach(part -> bytes.writeBytes(part.bytes()));
            if (name.endsWith("_exps.weight")) {
                shape.addFirst(parts.size());
            }
            int type = switch (first.dtype()) {
                case F32 -> F32;
                case F16 -> F16;
                case BF16 -> BF16;
                default -> throw new IllegalStateException("safetensors have no " + first.dtype());
            };
            add(name, type, shape, bytes.toByteArray());
        });
    }

    private static String ggufName(String name) {
        String renamed = name.replaceFirst("^model[.]", "").replaceFirst("^layers[.]", "blk.");
        for (var part : Map.ofEntries(
                        Map.entry("embed_tokens", "token_embd"),
                        Map.entry("lm_head", "output"),
                        Map.entry("input_layernorm", "attn_norm"),
                        Map.entry("post_attention_layernorm", "ffn_norm"),
                        Map.entry("self_attn.q_proj", "attn_q"),
                        Map.entry("self_attn.k_proj", "attn_k"),
                        Map.entry("self_attn.v_proj", "attn_v"),
                        Map.entry("self_attn.o_proj", "attn_output"),
                        Map.entry("self_attn.q_norm", "attn_q_norm"),
                        Map.entry("self_attn.k_norm", "attn_k_norm"),
                        Map.entry("mlp.gate_proj", "ffn_gate"),
                        Map.entry("mlp.up_proj", "ffn_up"),
                        Map.entry("mlp.down_proj", "ffn_down"),
                        Map.entry("mlp.gate.", "ffn_gate_inp."))
                .entrySet()) {
            renamed = renamed.replace(part.getKey(), part.getValue());
        }
        return renamed.replaceFirst("mlp[.]experts[.]\\d+[.](gate|up|down)_proj", "ffn_$1_exps")
                .replaceFirst("^norm[.]", "output_norm.");
    }

    /// Puts a tokenizer into the metadata, as converters do.
    ///
    /// @param tokenizer a tokenizer.json
    /// @param rows the size of the list of tokens, which is padded
    public GgufWriter putTokenizer(JsonNode tokenizer, int rows) {
        String[] tokens = new String[rows];
        int[] types = new int[rows];
        Arrays.setAll(tokens, id -> "[PAD%d]".formatted(id));
        Arrays.fill(types, 5);
        tokenizer.at("/model/vocab").properties().forEach(entry -> {
            tokens[entry.getValue().intValue()] = entry.getKey();
            types[entry.getValue().intValue()] = 1;
        });
        for (JsonNode token : tokenizer.path("added_tokens")) {
            tokens[token.path("id").intValue()] = token.path("content").textValue();
            types[token.path("id").intValue()] = token.path("special").booleanValue() ? 3 : 4;
        }
        List<String> merges = new ArrayList<>();
        for (JsonNode merge : tokenizer.at("/model/merges")) {
            merges.add(
                    merge.isTextual()
                            ? merge.textValue()
                            : merge.get(0).textValue() + " " + merge.get(1).textValue());
        }
        return put("tokenizer.ggml.model", "gpt2")
                .put("tokenizer.ggml.pre", "qwen2")
                .put("tokenizer.ggml.tokens", List.of(tokens))
                .put("tokenizer.ggml.token_type", types)
                .put("tokenizer.ggml.merges", merges);
    }

    private static JsonNode json(Path file) {
        try {
            return new ObjectMapper().readTree(file.toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Little-endian output.
    private static final class Bytes {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        void write(byte[] bytes) {
            out.writeBytes(bytes);
        }

        Bytes putInt(int value) {
            write(ByteBuffer.allocate(Integer.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(value)
                    .array());
            return this;
        }

        Bytes putLong(long value) {
            write(ByteBuffer.allocate(Long.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(value)
                    .array());
            return this;
        }

        Bytes putText(String text) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            putLong(bytes.length).write(bytes);
            return this;
        }

        void putValue(Object value) {
            switch (value) {
                case Integer number -> putInt(UINT32).putInt(number);
                case Float number -> putInt(FLOAT32).putInt(Float.floatToRawIntBits(number));
                case Boolean flag -> putInt(BOOL).write(new byte[] {(byte) (flag ? 1 : 0)});
                case String text -> putInt(STRING).putText(text);
                case int[] numbers -> {
                    putInt(ARRAY).putInt(INT32).putLong(numbers.length);
                    for (int number : numbers) {
                        putInt(number);
                    }
                }
                case List<?> texts -> {
                    putInt(ARRAY).putInt(STRING).putLong(texts.size());
                    texts.forEach(text -> putText((String) text));
                }
                case byte[] raw -> write(raw);
                default -> throw new IllegalArgumentException("no value of metadata: " + value);
            }
        }

        void pad(int alignment) {
            write(new byte[Math.floorMod(-out.size(), alignment)]);
        }

        byte[] toByteArray() {
            return out.toByteArray();
        }
    }
}
