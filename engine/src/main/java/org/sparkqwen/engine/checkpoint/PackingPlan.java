package org.sparkqwen.engine.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.sparkqwen.engine.quantized.Quantization;

/// A plan for packing: a checkpoint, and the layout in which it is packed.
public final class PackingPlan {
    private final Checkpoint checkpoint;
    private final List<SourceFile> sources;
    private final String adapter; // its sha256; empty if there is none
    private final PackedLayout layout;

    private PackingPlan(Checkpoint checkpoint, List<SourceFile> sources, PackedLayout layout, Path cache) {
        this.checkpoint = checkpoint;
        this.sources = sources;
        adapter = checkpoint.adapter().map(files -> files.sha256(cache)).orElse("");
        this.layout = layout;
    }

    /// Makes a plan. It reads the checkpoint's files once, for their sha256, unless the cache remembers them.
    ///
    /// @param layout a layout all of whose tensors the checkpoint has
    /// @param cache a directory, which need not exist
    /// @throws UncheckedIOException if a file cannot be read
    public static PackingPlan of(Checkpoint checkpoint, PackedLayout layout, Path cache) {
        return new PackingPlan(checkpoint, new SourceHashes(cache).of(checkpoint.files()), layout, cache);
    }

    /// Makes a plan like [#of], if the cache remembers the checkpoint's files.
    public static Optional<PackingPlan> remembered(Checkpoint checkpoint, PackedLayout layout, Path cache) {
        return new SourceHashes(cache)
                .remembered(checkpoint.files())
                .map(sources -> new PackingPlan(checkpoint, sources, layout, cache));
    }

    public Checkpoint checkpoint() {
        return checkpoint;
    }

    /// Writes the packed file, down to the disk.
    ///
    /// @param file must not exist
    /// @throws PackingException if the file cannot be written; nothing is left of it
    public void write(Path file, PackingProgress progress) throws PackingException {
        try {
            TensorPieces pieces = new CheckpointPieces(checkpoint, layout);
            PackedHeader header = new PackedHeader(sources, quantization(), adapter, layout, Map.of(), null);
            PackedFileWriter.write(file, header, pieces, progress);
        } catch (IOException e) {
            throw new PackingException(file, e);
        }
    }

    /// Whether `packed` was made by this plan.
    public boolean made(PackedFile packed) {
        return packed.sources().equals(sources)
                && packed.quantization().equals(quantization())
                && packed.adapter().orElse("").equals(adapter)
                && packed.layout().equals(layout);
    }

    /// The bytes of the packed file's tensors, which are nearly those of the file.
    public long bytes() {
        return layout.bytes();
    }

    /// How the checkpoint's values follow from its files, as far as config.json decides it; empty if they are not
    /// quantized.
    private String quantization() {
        return checkpoint.quantization().map(Quantization::title).orElse("");
    }

    /// The identity of the packed file: sha256 over format, sources, their quantization, the adapter, and
    /// forms.
    public String key() {
        StringBuilder text = new StringBuilder("format %d\n".formatted(PackedHeader.VERSION));
        sources.forEach(text::append);
        if (!quantization().isEmpty()) {
            text.append("quantization %s\n".formatted(quantization()));
        }
        if (!adapter.isEmpty()) {
            text.append("adapter %s\n".formatted(adapter));
        }
        for (PackedTensor tensor : layout.tensors()) {
            text.append("%s %s %s\n".formatted(tensor.name(), tensor.form(), tensor.shape()));
        }
        return Sha256.of(text.toString());
    }
}
