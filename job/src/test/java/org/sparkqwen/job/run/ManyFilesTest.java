package org.sparkqwen.job.run;

import static org.apache.spark.sql.functions.lit;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.input.InputPlan;
import org.sparkqwen.job.input.InputReader;
import org.sparkqwen.job.input.InputRows;
import org.sparkqwen.job.input.InputScan;
import org.sparkqwen.job.input.PlannedRows;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.LocalWork;

/// What the driver needs for an input of many files, in time and in heap. The figures are those of docs/scale.md.
@Tag("slow")
class ManyFilesTest {
    private static final int FILES = Integer.getInteger("many.files", 20_000);
    private static final int IN_A_DIRECTORY = 1000;
    private static final int INTERVALS = 20;

    @TempDir
    private Path directory;

    /// Does something, and prints how long it took and how much of the heap is in use afterwards.
    private static <T> T measured(String what, Supplier<T> step) {
        long before = used();
        long start = System.nanoTime();
        T result = step.get();
        double seconds = (System.nanoTime() - start) / 1e9;
        System.out.printf(
                Locale.ROOT,
                "many files: %,d  %-28s %8.2f s  %,8.0f bytes a file%n",
                FILES,
                what,
                seconds,
                (double) (used() - before) / FILES);
        return result;
    }

    private static long used() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    private static String path(int file) {
        return "s3a://corpus/crawl=2026-11/part=%05d/part-%05d-0f3c9a52-7b1e-4d6a-9c55-2f1d8e6b7a90.c000.snappy.parquet"
                .formatted(file / IN_A_DIRECTORY, file);
    }

    private static InputPlan plan() {
        List<InputPlan.PlannedFile> files = new ArrayList<>();
        for (int file = 0; file < FILES; file++) {
            files.add(new InputPlan.PlannedFile(
                    path(file), 40_000, 1_764_000_000_000L + file, List.of(new InputPlan.PlannedSplit(0, 40_000, 20))));
        }
        return new InputPlan(files);
    }

    @Test
    void aPlanIsWrittenReadAndCutIntoIntervals() throws IOException {
        RunState state = new RunState(
                FileSystem.getLocal(new Configuration()), new org.apache.hadoop.fs.Path(directory.toString()));
        state.begin(new RunState.Run("now", new RunIdentity(Map.of("job", "test")), "text STRING"));
        InputPlan plan = measured("a plan in memory", ManyFilesTest::plan);
        measured("write the plan", () -> {
            plan.parts().forEach(state::add);
            return plan;
        });
        System.out.printf("many files: %,d  plan %,d bytes%n", FILES, bytes(directory.resolve("_spark_qwen/plans")));
        List<InputPlan> plans = measured("read the plan", state::plans);
        PlannedRows rows = measured("number its rows", () -> PlannedRows.of(plans));
        long all = rows.rows();
        measured(INTERVALS + " intervals", () -> {
            long pieces = 0;
            for (int i = 0; i < INTERVALS; i++) {
                long from = all * i / INTERVALS;
                long to = all * (i + 1) / INTERVALS;
                pieces += rows.pieces(from, to).size();
                assertThat(rows.origin(from).isKnown()).isTrue();
                assertThat(rows.origins(from, to).of(from).isKnown()).isTrue();
            }
            assertThat(pieces).isEqualTo(FILES);
            return pieces;
        });
        measured("1,000 looks at the progress", () -> {
            double work = 0;
            for (int i = 0; i < 1000; i++) {
                work += rows.work(all * i / 1000);
            }
            return work;
        });
        assertThat(plans).hasSizeGreaterThan(0);
    }

    private static long bytes(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile)
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /// An output has far fewer files than an input, because a file has up to 128 MB and an interval takes ten
    /// minutes.
    @Test
    void anOutputIsComparedWithItsCommits() throws IOException {
        Path output = Files.createDirectories(directory.resolve("out"));
        FileSystem local = FileSystem.getLocal(new Configuration());
        RunState state = new RunState(local, new org.apache.hadoop.fs.Path(output.toUri()));
        state.begin(new RunState.Run("now", new RunIdentity(Map.of("job", "test")), "text STRING"));
        RunSettings settings =
                RunSettings.of(new InputFormat(List.of("in"), "json", Map.of(), false), output.toString());
        OutputFiles files = new OutputFiles(settings, state, null);
        int intervals = FILES / 100;
        Path original = null;
        for (int file = 0; file < FILES; file++) {
            Path name = output.resolve(
                    "part-%05d-00000000-0000-0000-0000-%012d-c000.snappy.parquet".formatted(file % 100, file / 100));
            if (original == null || file % 50_000 == 0) {
                original = Files.writeString(name, "data");
            } else {
                Files.createLink(name, original);
            }
        }
        OutputFiles.Written all = files.written(files.strays(List.of()));
        List<List<String>> names = new ArrayList<>();
        List<String> sorted = all.data().stream().sorted().toList();
        for (int interval = 0; interval < intervals; interval++) {
            names.add(new ArrayList<>());
        }
        for (int file = 0; file < sorted.size(); file++) {
            names.get(file % intervals).add(sorted.get(file));
        }
        List<Commit> commits = new ArrayList<>();
        for (int interval = 0; interval < intervals; interval++) {
            Map<String, StoredFile> stored = new HashMap<>();
            names.get(interval)
                    .forEach(name ->
                            stored.put(name, Objects.requireNonNull(all.stored().get(name))));
            commits.add(new Commit(
                    interval,
                    interval,
                    interval + 1,
                    names.get(interval),
                    List.of(),
                    4,
                    4,
                    0,
                    List.of(),
                    0,
                    0,
                    600,
                    0,
                    "test",
                    stored));
        }
        measured(intervals + " commits", () -> {
            commits.forEach(state::add);
            return commits;
        });
        List<Commit> read = measured("read the commits", state::commits);
        measured("look for new files", () -> {
            assertThat(files.strays(read).data()).isEmpty();
            return read;
        });
        measured("compare all files", () -> {
            files.refuseChanged(read);
            return read;
        });
    }

    /// Makes a directory of files with two rows each. Names of a few files make it quick.
    private Path files() throws IOException {
        Path input = directory.resolve("input");
        Path original = null;
        for (int file = 0; file < FILES; file++) {
            Path in = input.resolve("part-%05d".formatted(file / IN_A_DIRECTORY));
            if (file % IN_A_DIRECTORY == 0) {
                Files.createDirectories(in);
            }
            Path name = in.resolve("documents-of-a-crawl-%07d.json".formatted(file));
            if (original == null || file % 50_000 == 0) { // a file has at most 65,000 names
                original = Files.writeString(name, "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
            } else {
                Files.createLink(name, original);
            }
        }
        return input;
    }

    @Test
    void aDirectoryIsListedAndCutIntoSplits() throws IOException {
        SparkSession spark = LocalSpark.session();
        String input = files().toString();
        InputFormat format = new InputFormat(List.of(input), "json", Map.of(), false);
        used();
        InputRows rows = measured(
                "open the input",
                () -> new InputReader(spark, format, directory.resolve("out").toString(), new Warnings(System.err))
                        .open());
        InputScan scan = measured("plan the scan", () -> new InputScan(rows.all()));
        assertThat(scan.splits()).hasSize(FILES);
        InputScan.Counted counted = measured("count rows", () -> scan.count(List.copyOf(scan.splits()), format));
        InputPlan plan = measured("make a plan", () -> InputPlan.of(counted.rows(), scan.files()));
        PlannedRows planned = measured("number its rows", () -> PlannedRows.of(List.of(plan)));
        measured("read an interval", () -> scan.read(planned.pieces(100, 200)).count());
    }

    @Test
    void aRunTakesAllOfThem() throws IOException {
        SparkSession spark = LocalSpark.session();
        InputFormat input = new InputFormat(List.of(files().toString()), "json", Map.of(), false);
        RunSettings settings =
                RunSettings.of(input, directory.resolve("out").toString()).withCheckpointRows(2L * FILES / INTERVALS);
        LocalWork work = new LocalWork(
                (rows, counts) -> rows.withColumn("error", lit(null).cast("string")));
        for (String start : List.of("a run", "a start that finds all done")) {
            RunSummary summary = measured(start, () -> ResumableRun.run(spark, settings, work));
            assertThat(summary.rows()).isEqualTo(2L * FILES);
        }
    }
}
