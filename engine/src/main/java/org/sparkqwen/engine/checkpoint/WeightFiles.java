package org.sparkqwen.engine.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelInput;

/// The weight files of a model directory: as published, or packed for the engine.
public sealed interface WeightFiles extends AutoCloseable permits Checkpoint, PackedFile {

    /// Maps and checks the weights of a model: those of a GGUF file, or of a directory. A directory has
    /// `weights.packed`, safetensors, or one GGUF model.
    ///
    /// A directory with both is refused, because nothing says that one was made of the other.
    ///
    /// The files beside them are checked first, because callers that open a model may hash or copy those, too.
    ///
    /// @throws InvalidModelException if there are none, or a file of them is damaged
    static WeightFiles open(Path model) {
        return open(model, TensorNames.AS_STORED);
    }

    /// Opens weights like [#open(Path)], with the names of tensors that a model's family gives them.
    static WeightFiles open(Path model, TensorNames names) {
        return open(model, names, null);
    }

    /// Opens weights like [#open(Path, TensorNames)], with an adapter merged into them.
    ///
    /// @param adapter a directory with a PEFT adapter; null for none
    /// @throws InvalidModelException if the weights are packed already, or the adapter does not fit, too
    static WeightFiles open(Path model, TensorNames names, @Nullable Path adapter) {
        ModelFolder folder = ModelFolder.of(model);
        folder.requireReadableAll();
        Path directory = folder.directory();
        Path packed = directory.resolve(PackedFile.NAME);
        if (folder.gguf().isPresent() || !ModelInput.isThere(packed)) {
            return Checkpoint.open(model, names, adapter);
        }
        if (Checkpoint.isIn(directory)) {
            throw new InvalidModelException("%s: holds both %s and safetensors; remove the one that is not wanted"
                    .formatted(directory, PackedFile.NAME));
        }
        if (adapter != null) {
            throw new InvalidModelException(
                    "%s is packed, so no adapter can be merged into it; take the model that it was packed from"
                            .formatted(directory));
        }
        return PackedFile.open(packed);
    }

    /// The directory of the mapped files.
    Path directory();

    /// The path to the model: its directory, or its GGUF file.
    Path model();

    /// The mapped files, in the order of their names.
    List<Path> files();

    /// Every tensor's name and shape.
    List<? extends Tensor> tensors();

    /// The names of the matrices' number formats.
    default SortedSet<String> numberFormats() {
        return tensors().stream()
                .filter(tensor -> tensor.shape().size() == 2)
                .map(Tensor::numberFormat)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /// The properties that all forms of a tensor have.
    interface Tensor {
        /// The name in the checkpoint, `model.layers.0.mlp.up_proj.weight`.
        String name();

        /// The shape: `[outputs, inputs]`, or `[width]`.
        List<Integer> shape();

        /// The name of the format of its numbers, such as `BF16`.
        String numberFormat();
    }

    /// The bytes of all mapped files.
    default long fileBytes() {
        long bytes = 0;
        for (Path file : files()) {
            try {
                bytes += Files.size(file);
            } catch (IOException e) {
                throw new InvalidModelException("%s: cannot be read (%s)".formatted(file, e), e);
            }
        }
        return bytes;
    }

    /// Unmaps the files.
    @Override
    void close();
}
