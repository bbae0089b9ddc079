package org.sparkqwen.job.model;

import java.io.IOException;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.storage.BroadcastBlockId;
import org.sparkqwen.engine.checkpoint.PackingProgress;
import org.sparkqwen.engine.hostcache.FileRange;
import org.sparkqwen.engine.hostcache.ModelFile;
import org.sparkqwen.engine.hostcache.ModelFiles;
import org.sparkqwen.engine.hostcache.RangeSource;

/// A model's files as broadcast variables, one for each range of a file, so that executors which have a range serve it
/// to others. Spark keeps a broadcast twice, as the value and in the pieces that travel. The value is dropped wherever
/// it has served its purpose, and the pieces go to disk where memory is short. So the heaps of driver and executors
/// need not grow with the size of the model.
final class BroadcastFiles implements RangeSource, Serializable {
    private static final long serialVersionUID = 1L;

    /// The threads that broadcast. Each needs heap for a range's pieces and its value, some 70 MB together.
    private static final int THREADS = 2;

    private final HashMap<FileRange, Broadcast<byte[]>> chunks;

    private BroadcastFiles(Map<FileRange, Broadcast<byte[]>> chunks) {
        this.chunks = new HashMap<>(chunks);
    }

    /// Broadcasts `files` of `directory`. Ranges that executors have not asked for are freed with this object, or
    /// when the session ends.
    ///
    /// @throws IOException if a file cannot be read
    static BroadcastFiles of(JavaSparkContext context, Path directory, ModelFiles files, PackingProgress progress)
            throws IOException {
        progress.start(files.bytes());
        Map<FileRange, Broadcast<byte[]>> chunks = new HashMap<>();
        for (ModelFile file : files.files()) {
            try (FileChannel channel = FileChannel.open(directory.resolve(file.name()), StandardOpenOption.READ)) {
                for (FileRange range : FileRange.of(file.name(), file.bytes())) {
                    Broadcast<byte[]> chunk = context.broadcast(bytes(channel, range));
                    dropValue(chunk);
                    chunks.put(range, chunk);
                    progress.advance(range.bytes());
                }
            }
        }
        return new BroadcastFiles(chunks);
    }

    private static byte[] bytes(FileChannel channel, FileRange range) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(range.bytes());
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, range.from() + buffer.position()) < 0) {
                throw new IOException("%s has become shorter".formatted(range.file()));
            }
        }
        return buffer.array();
    }

    /// Drops the value of a broadcast and keeps its pieces.
    private static void dropValue(Broadcast<byte[]> chunk) {
        SparkEnv.get().blockManager().removeBlock(new BroadcastBlockId(chunk.id(), ""), false);
    }

    @Override
    public int threads() {
        return THREADS;
    }

    /// Orders the ranges differently on each host, so that each soon has ranges that others lack.
    @Override
    public List<FileRange> order(List<FileRange> ranges) {
        List<FileRange> order = new ArrayList<>(ranges);
        Collections.shuffle(order);
        return order;
    }

    @Override
    public void read(FileRange range, Sink sink) throws IOException {
        Broadcast<byte[]> chunk = chunks.get(range);
        if (chunk == null) {
            throw new IOException("%s from byte %,d was not broadcast".formatted(range.file(), range.from()));
        }
        sink.write(ByteBuffer.wrap(chunk.value()));
        dropValue(chunk);
    }

    /// Frees what this executor held for others. Called on an executor whose host has the model.
    void release() {
        chunks.values().forEach(chunk -> SparkEnv.get().blockManager().removeBroadcast(chunk.id(), true));
    }
}
