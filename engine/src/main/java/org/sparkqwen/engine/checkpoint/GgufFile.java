package org.sparkqwen.engine.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.sparkqwen.engine.gguf.GgufModel;
import org.sparkqwen.engine.gguf.GgufTensor;
import org.sparkqwen.engine.gguf.TensorNaming;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// A mapped GGUF file: the tensors that its header describes, with the names of transformers. A tensor with a matrix
/// for each expert becomes as many matrices.
final class GgufFile {
    private GgufFile() {}

    /// Maps a file into `arena`.
    ///
    /// @throws InvalidModelException if it cannot be mapped, or if it has changed since its header was read
    static List<TensorView> map(GgufModel.Part part, Arena arena) {
        MemorySegment file = GgufModel.map(part, arena);
        return part.tensors().stream()
                .flatMap(tensor -> views(String.valueOf(part.file().getFileName()), tensor, file))
                .toList();
    }

    private static Stream<TensorView> views(String file, GgufTensor tensor, MemorySegment data) {
        DType dtype = DType.of(tensor.type());
        MemorySegment numbers = data.asSlice(tensor.from(), tensor.bytes());
        List<Integer> shape = tensor.shape();
        if (shape.size() != 3 || !TensorNaming.isOfExperts(tensor.name())) {
            return Stream.of(new TensorView(file, TensorNaming.ofTransformers(tensor.name()), dtype, shape, numbers));
        }
        long bytes = tensor.bytes() / shape.getFirst();
        return IntStream.range(0, shape.getFirst())
                .mapToObj(expert -> new TensorView(
                        file,
                        TensorNaming.ofTransformers(tensor.name(), expert),
                        dtype,
                        shape.subList(1, shape.size()),
                        numbers.asSlice(expert * bytes, bytes)));
    }
}
