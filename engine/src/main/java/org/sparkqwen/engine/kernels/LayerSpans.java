package org.sparkqwen.engine.kernels;

import java.util.List;
import java.util.function.IntFunction;
import java.util.function.IntToLongFunction;

/// The spans of a batch in all layers. They differ in their blocks alone, and these lie at the same distance from those
/// of the first layer. A back-end that knows this looks at the spans once for a batch, and not once for each layer.
public final class LayerSpans {
    private final List<AttentionSpan> first;
    private final IntFunction<List<AttentionSpan>> ofLayer;
    private final IntToLongFunction offset;
    private final int layers;
    private final int rows;
    private final boolean isOfOneFormat;

    /// @param layers number of layers
    /// @param ofLayer the spans of a layer
    /// @param offset bytes from a block of the first layer to the same one of another layer
    public LayerSpans(int layers, IntFunction<List<AttentionSpan>> ofLayer, IntToLongFunction offset) {
        this.layers = layers;
        this.ofLayer = ofLayer;
        this.offset = offset;
        first = ofLayer.apply(0);
        rows = AttentionSpan.rows(first);
        isOfOneFormat = first.stream().map(AttentionSpan::format).distinct().count() == 1;
    }

    /// The spans of one layer, which is the first here.
    public static LayerSpans of(List<AttentionSpan> spans) {
        return new LayerSpans(1, _ -> spans, _ -> 0);
    }

    /// The spans of a layer.
    public List<AttentionSpan> of(int layer) {
        return layer == 0 ? first : ofLayer.apply(layer);
    }

    /// The bytes from a block of the first layer to the same one of `layer`.
    public long offset(int layer) {
        return offset.applyAsLong(layer);
    }

    public int layers() {
        return layers;
    }

    /// The number of rows of a batch that consists of these spans.
    public int rows() {
        return rows;
    }

    /// Whether there are spans, and all have blocks of the same number format.
    public boolean isOfOneFormat() {
        return isOfOneFormat;
    }
}
