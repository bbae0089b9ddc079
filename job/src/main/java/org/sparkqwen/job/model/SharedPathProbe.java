package org.sparkqwen.job.model;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.sparkqwen.engine.checkpoint.AdapterFiles;
import org.sparkqwen.engine.checkpoint.ModelFolder;
import org.sparkqwen.engine.checkpoint.WeightFiles;

/// A small job that checks whether executors see the driver's model directory with the same content. It compares the
/// size and both ends of each weight file, in which a fine-tuned model differs from its base. An executor that opens
/// the model compares all of it.
final class SharedPathProbe {
    private static final int END_BYTES = 1 << 16;

    /// The tasks for each core, so that hardly any executor is left out.
    private static final int ROUNDS = 4;

    /// The most tasks for each executor. Spark gives each executor a task before any gets a second one, and
    /// starting a task for each core of a large cluster would take minutes.
    private static final int TASKS_AN_EXECUTOR = 16;

    private SharedPathProbe() {}

    /// @param saw how many executors see the model
    /// @param looked how many executors looked for it
    record Finding(int saw, int looked) {
        boolean allSee() {
            return saw == looked;
        }

        @Override
        public String toString() {
            return allSee()
                    ? "all %d executors".formatted(looked)
                    : "%d of %d executors".formatted(looked - saw, looked);
        }
    }

    /// A file, described by what is cheap to read.
    private record Sample(String file, long bytes, long ends) implements Serializable {
        static Sample of(Path path) {
            CRC32C ends = new CRC32C();
            try (FileChannel channel = FileChannel.open(path)) {
                for (long from : new long[] {0, Math.max(0, channel.size() - END_BYTES)}) {
                    ByteBuffer buffer = ByteBuffer.allocate(END_BYTES);
                    channel.read(buffer, from);
                    ends.update(buffer.flip());
                }
                return new Sample(String.valueOf(path.getFileName()), channel.size(), ends.getValue());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        boolean isIn(Path directory) {
            Path path = directory.resolve(file);
            try {
                return Files.isRegularFile(path) && Files.size(path) == bytes && of(path).equals(this);
            } catch (IOException | UncheckedIOException _) {
                return false;
            }
        }
    }

    static Finding look(ModelReference model, SparkSession spark) {
        String directory = model.folder().toString();
        List<Sample> samples = new ArrayList<>();
        try (WeightFiles weights = WeightFiles.open(model.path())) {
            weights.files().forEach(file -> samples.add(Sample.of(file)));
        }
        if (ModelFolder.of(model.path()).gguf().isEmpty()) { // a GGUF file has its configuration itself
            samples.add(Sample.of(Path.of(directory, ModelFolder.CONFIG)));
        }
        List<Sample> ofAdapter = new ArrayList<>();
        String adapter = model.adapter()
                .filter(each -> !each.isRemote()) // else hosts get it from the driver in any case
                .map(each -> {
                    new AdapterFiles(each.path()).files().forEach(file -> ofAdapter.add(Sample.of(file)));
                    return each.directory();
                })
                .orElse(directory);
        int tasks = tasks(
                spark.sparkContext().defaultParallelism(),
                spark.sparkContext().statusTracker().getExecutorInfos().length); // the driver counts as one
        TreeMap<String, Boolean> sees = new TreeMap<>();
        JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelize(Collections.nCopies(tasks, 0), tasks)
                .map(_ -> "%s %s"
                        .formatted(SparkEnv.get().executorId(), sees(directory, samples) && sees(adapter, ofAdapter)))
                .collect()
                .forEach(line -> {
                    List<String> words = Arrays.asList(line.split(" ", 2));
                    sees.merge(words.getFirst(), Boolean.valueOf(words.getLast()), Boolean::logicalAnd);
                });
        return new Finding((int) sees.values().stream().filter(saw -> saw).count(), sees.size());
    }

    static int tasks(int cores, int executors) {
        return Math.min(ROUNDS * cores, TASKS_AN_EXECUTOR * executors);
    }

    private static boolean sees(String directory, List<Sample> samples) {
        return samples.stream().allMatch(sample -> sample.isIn(Path.of(directory)));
    }
}
