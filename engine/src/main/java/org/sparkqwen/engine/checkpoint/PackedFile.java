package org.sparkqwen.engine.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32C;
import org.sparkqwen.engine.disk.MappedPages;
import org.sparkqwen.engine.disk.PageAdvice;
import org.sparkqwen.engine.disk.UseLock;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The weights of a model packed into one file, which is mapped: opening reads the header alone, and processes of one
/// host share the memory.
///
/// The file is untrusted. Its header is checked when it is opened, see [PackedHeader]; its numbers have a checksum for
/// each tensor, which [#check] compares.
public final class PackedFile implements PackedTensors, WeightFiles {
    /// The name of a packed file in a model directory.
    public static final String NAME = "weights.packed";

    /// The most bytes of a buffer for a checksum, because a buffer has less than 2 GiB.
    private static final long MAX_BUFFER_BYTES = 1 << 30;

    private final Path path;
    private final Arena arena;
    private final PackedHeader header;
    private final MemorySegment data;
    private final long dataStart;
    private final UseLock use;

    private PackedFile(Path path, Arena arena, PackedHeader header, MemorySegment data, UseLock use) {
        this.path = path;
        this.arena = arena;
        this.header = header;
        this.data = data;
        dataStart = header.dataStart();
        this.use = use;
    }

    /// Maps `path` of a model directory and checks its header.
    ///
    /// @throws InvalidModelException if the file is absent, truncated, or not what the format says
    public static PackedFile open(Path path) {
        return open(path, UseLock.NONE, Set.of(StandardOpenOption.READ));
    }

    /// Maps a file of a cache, where no link is followed, and checks its header.
    ///
    /// @param use released when the file is closed, or if it cannot be opened
    public static PackedFile open(Path path, UseLock use) {
        return open(path, use, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS));
    }

    private static PackedFile open(Path path, UseLock use, Set<OpenOption> options) {
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, options)) {
            MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            PackedHeader header = PackedHeader.parse(path, file);
            MemorySegment data = file.asSlice(file.byteSize() - header.layout().bytes());
            return new PackedFile(path, arena, header, data, use);
        } catch (IOException e) {
            arena.close();
            use.close();
            throw new InvalidModelException("%s: cannot be mapped (%s)".formatted(path, e), e);
        } catch (RuntimeException e) {
            arena.close();
            use.close();
            throw e;
        }
    }

    public static InvalidModelException damaged(Path path, String what) {
        return new InvalidModelException(
                "%s: %s; delete it: pack, or the next run on the safetensors, makes it again".formatted(path, what));
    }

    public Path path() {
        return path;
    }

    /// The safetensors files from which this was made.
    public List<SourceFile> sources() {
        return header.sources();
    }

    /// How those files were quantized, as [PackedHeader] has it; empty if they were not.
    String quantization() {
        return header.quantization();
    }

    /// The sha256 of the adapter that was merged into the weights, see [AdapterFiles]; empty if there was none.
    public Optional<String> adapter() {
        return Optional.of(header.adapter()).filter(sha256 -> !sha256.isEmpty());
    }

    /// How far the model is from the one that it was packed from, if that was measured.
    public Optional<Fidelity> fidelity() {
        return Optional.ofNullable(header.fidelity());
    }

    /// Writes this file anew with the result of a measurement in its header. Processes that have it mapped keep the
    /// old one.
    ///
    /// @throws PackingException if it cannot be written; the old file stays then
    public void keep(Fidelity measured) throws PackingException {
        Path temporary = path.resolveSibling(path.getFileName() + ".tmp");
        try {
            Files.deleteIfExists(temporary); // of a process that was killed
            PackedFileWriter.copy(data, header.with(measured), temporary);
            Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new PackingException(path, e);
        }
    }

    @Override
    public PackedLayout layout() {
        return header.layout();
    }

    @Override
    public MemorySegment data(PackedTensor tensor) {
        return data(tensor.offset(), tensor.bytes());
    }

    MemorySegment data(long offset, long bytes) {
        return data.asSlice(offset, bytes);
    }

    /// The position in the file of byte `offset` of the data.
    long position(long offset) {
        return dataStart + offset;
    }

    /// The pages of the data, for reading ahead and giving back. No range of them may be used after [#close].
    public MappedPages pages() {
        return new MappedPages(path, data, dataStart, PageAdvice.ofThisSystem());
    }

    @Override
    public void check(PackedTensor tensor) {
        check(tensor, data(tensor));
    }

    /// Checks that these are the tensor's numbers.
    ///
    /// @param bytes the bytes that were read of it
    void check(PackedTensor tensor, MemorySegment bytes) {
        CRC32C checksum = new CRC32C();
        for (long from = 0; from < bytes.byteSize(); from += MAX_BUFFER_BYTES) {
            long count = Math.min(MAX_BUFFER_BYTES, bytes.byteSize() - from);
            checksum.update(bytes.asSlice(from, count).asByteBuffer());
        }
        int expected = Objects.requireNonNull(header.checksums().get(tensor.name()));
        if ((int) checksum.getValue() != expected) {
            throw damaged(
                    path,
                    "tensor %s is damaged: CRC-32C %08x, not %08x"
                            .formatted(tensor.name(), (int) checksum.getValue(), expected));
        }
    }

    @Override
    public Path directory() {
        return Objects.requireNonNullElse(path.getParent(), Path.of(""));
    }

    @Override
    public Path model() {
        return directory();
    }

    @Override
    public List<Path> files() {
        return List.of(path);
    }

    @Override
    public List<PackedTensor> tensors() {
        return layout().tensors();
    }

    @Override
    public void close() {
        arena.close();
        use.close();
    }
}
