package org.sparkqwen.engine.modelfile;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.sparkqwen.engine.message.Quote;

/// Recognizes what a directory holds if a file of a model is missing: people supply adapters, pickles, caches and
/// half-finished downloads. The answer is one line that says what it is and what to do.
public final class OtherFormat {
    private static final String A_MODEL =
            "a model is a Hugging Face directory with config.json and safetensors, or a GGUF file";
    private static final String NO_DIRECTORY = "no such directory; " + A_MODEL;
    private static final String OTHER_FRAMEWORKS =
            "tf_model.*[.]h5|flax_model.*[.]msgpack|.*[.](onnx|npz|engine|mlmodel)";

    private static final int LOOKED_AT = 10_000; // names of a directory

    private OtherFormat() {}

    /// The answer for a directory, or whatever the path is, that lacks a file which every model has.
    ///
    /// @param missing says what is missing, for a directory that is none of the kinds that people supply
    public static InvalidModelException in(Path directory, String missing) {
        String what = Files.isDirectory(directory) ? ofDirectory(directory, missing) : ofPath(directory);
        return new InvalidModelException("%s: %s".formatted(Quote.line(directory.toString()), what));
    }

    private static String ofPath(Path path) {
        return Files.isRegularFile(path) ? "a file, and its name does not end with .gguf; " + A_MODEL : NO_DIRECTORY;
    }

    private static String ofDirectory(Path directory, String missing) {
        List<String> names;
        try (Stream<Path> content = Files.list(directory)) {
            names = content.limit(LOOKED_AT)
                    .map(file -> String.valueOf(file.getFileName()))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            return "cannot be listed (%s)".formatted(e.getMessage());
        }
        if (names.isEmpty()) {
            return "the directory is empty; " + A_MODEL;
        }
        if (names.contains("adapter_config.json") || names.contains("adapter_model.safetensors")) {
            return "an adapter (PEFT, LoRA), not a model; give its base model%s as the model, and this with --lora"
                    .formatted(baseModel(directory.resolve("adapter_config.json")));
        }
        if (any(names, name -> name.matches("model-\\d+-of-\\d+[.]safetensors"))) {
            return "shards of safetensors without config.json or %s; download what is missing"
                    .formatted(ModelInput.INDEX);
        }
        if (any(names, name -> name.matches("pytorch_model.*[.]bin([.]index[.]json)?|.*[.](pt|pth|ckpt)"))) {
            return missing
                    + ", but pickled weights, which can run code and are never opened; only safetensors are read:"
                    + " save_pretrained of transformers writes such";
        }
        String other = first(names, name -> name.matches(OTHER_FRAMEWORKS));
        if (!other.isEmpty()) {
            return "weights of another framework (%s), which are not read; take the model's safetensors"
                    .formatted(Quote.of(other));
        }
        if (names.contains("snapshots") && names.contains("blobs")) {
            return "a folder of the Hugging Face cache; the model is the directory in its snapshots";
        }
        String part = first(names, name -> name.matches("\\d+_Transformer"));
        if (!part.isEmpty()) {
            return "a sentence-transformers folder; its model is the directory %s in it".formatted(part);
        }
        return "%s; %s".formatted(missing, A_MODEL);
    }

    private static boolean any(List<String> names, Predicate<String> kind) {
        return names.stream().anyMatch(kind);
    }

    private static String first(List<String> names, Predicate<String> kind) {
        return names.stream().filter(kind).findFirst().orElse("");
    }

    /// The adapter's base model in brackets, if the adapter names it.
    private static String baseModel(Path adapterConfig) {
        if (!Files.isRegularFile(adapterConfig)) {
            return "";
        }
        JsonNode base = ModelJson.readObject(adapterConfig).path("base_model_name_or_path");
        return base.isTextual() ? " (%s)".formatted(Quote.of(base.textValue())) : "";
    }
}
