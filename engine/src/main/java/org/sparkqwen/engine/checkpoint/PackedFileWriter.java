package org.sparkqwen.engine.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;
import org.sparkqwen.engine.disk.CacheTrust;

/// Writes a packed file with all processors, each with the memory of one piece of a tensor.
///
/// The file is written through a channel, because with a writable mapping a full disk would end the process. The header
/// comes last, so that an unfinished file is not a packed file.
final class PackedFileWriter {
    private static final Set<OpenOption> NEW =
            Set.of(StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW, LinkOption.NOFOLLOW_LINKS);

    private static final long COPIED_BYTES = 1 << 24;

    private final FileChannel channel;
    private final long dataStart;
    private final TensorPieces pieces;
    private final PackingProgress progress;

    private PackedFileWriter(FileChannel channel, long dataStart, TensorPieces pieces, PackingProgress progress) {
        this.channel = channel;
        this.dataStart = dataStart;
        this.pieces = pieces;
        this.progress = progress;
    }

    /// Writes a file that does not exist, down to the disk; leaves none if that fails. Nobody has the permission to
    /// write to it again, because a process that has mapped it ends when it is cut short.
    ///
    /// @throws IOException if the file exists, the disk is full or cannot be written to
    /// @throws CancellationException if the thread is interrupted
    ///
    /// @param header the header, without checksums
    static void write(Path file, PackedHeader header, TensorPieces pieces, PackingProgress progress)
            throws IOException {
        PackedLayout layout = header.layout();
        try (FileChannel channel = FileChannel.open(file, NEW, CacheTrust.ofFinishedFiles())) {
            boolean complete = false;
            try {
                refuseFullDisk(file, header.fileBytes());
                progress.start(layout.tensorBytes());
                PackedFileWriter writer = new PackedFileWriter(channel, header.dataStart(), pieces, progress);
                Map<String, Integer> checksums = layout.tensors().parallelStream()
                        .collect(Collectors.toConcurrentMap(PackedTensor::name, writer::writeTensor));
                writeFully(channel, header.with(checksums).bytes(), 0);
                channel.force(true);
                complete = true;
            } catch (IOException | UncheckedIOException e) {
                if (Thread.currentThread().isInterrupted()) {
                    CancellationException cancelled = new CancellationException("interrupted while packing");
                    cancelled.initCause(e);
                    throw cancelled;
                }
                throw e instanceof UncheckedIOException unchecked ? unchecked.getCause() : (IOException) e;
            } finally {
                if (!complete) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }

    /// Copies the data of a packed file behind another header, into a file that does not exist; leaves none if that
    /// fails.
    ///
    /// @throws IOException if the file exists, the disk is full or cannot be written to
    static void copy(MemorySegment data, PackedHeader header, Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, NEW, CacheTrust.ofFinishedFiles())) {
            boolean complete = false;
            try {
                refuseFullDisk(file, header.fileBytes());
                for (long from = 0; from < data.byteSize(); from += COPIED_BYTES) {
                    long count = Math.min(COPIED_BYTES, data.byteSize() - from);
                    writeFully(channel, data.asSlice(from, count).asByteBuffer(), header.dataStart() + from);
                }
                writeFully(channel, header.bytes(), 0);
                channel.force(true);
                complete = true;
            } finally {
                if (!complete) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }

    /// Refuses a disk without enough space, before gigabytes are written for nothing. A disk may still fill up
    /// meanwhile.
    private static void refuseFullDisk(Path file, long bytes) throws IOException {
        long usable = Files.getFileStore(file).getUsableSpace();
        if (usable < bytes) {
            throw new IOException("%,d bytes are needed, the disk has %,d left".formatted(bytes, usable));
        }
    }

    /// Writes a tensor and returns the checksum of what it wrote.
    private int writeTensor(PackedTensor tensor) {
        CRC32C checksum = new CRC32C();
        long at = dataStart + tensor.offset();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(tensor.pieceBytes(), Long.BYTES);
            for (int piece = 0; piece < tensor.pieces(); piece++) {
                MemorySegment out = buffer.asSlice(0, tensor.pieceBytes(piece));
                pieces.fill(tensor, piece, out);
                checksum.update(out.asByteBuffer());
                writeFully(channel, out.asByteBuffer(), at);
                at += out.byteSize();
                progress.advance(out.byteSize());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return (int) checksum.getValue();
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes, long at) throws IOException {
        long position = at;
        while (bytes.hasRemaining()) {
            position += channel.write(bytes, position);
        }
    }
}
