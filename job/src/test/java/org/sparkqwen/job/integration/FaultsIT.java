package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.RunFiles;
import org.sparkqwen.job.testing.SparkProcess;
import org.sparkqwen.job.testing.StandaloneCluster;

/// Drivers, executors and workers of a standalone cluster are killed at random moments while both jobs run. A dead
/// driver is started again with the same command, and a dead worker is started again. In the end the output's files
/// are, byte for byte, those of an undisturbed run: Parquet of scores, and JSON of texts.
///
/// A longer test: `-Dfaults.kills=100 -Dfaults.seed=2`.
@Tag("slow")
class FaultsIT {
    private static final int KILLS = Integer.getInteger("faults.kills", 24);
    private static final long SEED = Long.getLong("faults.seed", 1);

    /// The most starts of a run that is not killed any more, but that may still fail because of executors killed
    /// before.
    private static final int MOST_STARTS = 5;

    private static final int FOOTER_LENGTH_AND_MAGIC = 8;

    private enum Victim {
        DRIVER,
        EXECUTOR,
        WORKER
    }

    private record Job(String name, int intervals, String input, List<String> options) {
        static final Job SCORE =
                new Job("score", 11, LocalSpark.CORPUS, List.of("--token-logprobs", "--checkpoint-rows", "20"));

        static final Job GENERATE = new Job("generate", 12, LocalSpark.PROMPTS, generateOptions());

        private static List<String> generateOptions() {
            List<String> options = new ArrayList<>(List.of("--checkpoint-rows", "2", "--output-format", "json"));
            options.addAll(List.of("--max-new-tokens", "48", "--samples", "6"));
            options.addAll(List.of("--temperature", "0.8", "--seed", "5"));
            return options;
        }

        String[] writingTo(Path output) {
            return LocalSpark.command(name, input, output, options.toArray(String[]::new));
        }
    }

    private static final List<Job> JOBS = List.of(Job.SCORE, Job.GENERATE);

    @TempDir
    private Path directory = Path.of("");

    private final Random random = new Random(SEED);
    private final Map<Victim, Integer> killed = new EnumMap<>(Victim.class);

    @Test
    void everyRunEndsAsOneThatNobodyTouched() throws IOException {
        try (StandaloneCluster cluster = StandaloneCluster.start(directory)) {
            Map<Job, List<String>> expected = new HashMap<>();
            for (Job job : JOBS) {
                Path output = directory.resolve("undisturbed-" + job.name);
                CommandRun run = cluster.submit(job.writingTo(output));
                assertThat(run.exitCode()).as(run.out()).isZero();
                expected.put(job, intervals(output));
                assertThat(expected.get(job)).hasSize(job.intervals);
            }
            for (int round = 0; kills() < KILLS; round++) {
                Job job = JOBS.get(round % JOBS.size());
                Path output = directory.resolve("round-%d-%s".formatted(round, job.name));
                String course = disturb(cluster, job, output);
                System.out.printf(
                        "faults: round %d, %s: %s; %d of %d kills%n", round, job.name, course, kills(), KILLS);
                assertThat(intervals(output))
                        .as("round %d, %s, seed %d: %s", round, job.name, SEED, course)
                        .isEqualTo(expected.get(job));
                assertThat(output.resolve("_SUCCESS")).exists();
                assertThat(output.resolve("_temporary")).doesNotExist();
            }
        }
        assertThat(killed).containsOnlyKeys(Victim.values());
        System.out.printf("faults: killed %s, seed %d; every run ended byte-identical%n", killed, SEED);
    }

    private int kills() {
        return killed.values().stream().mapToInt(Integer::intValue).sum();
    }

    /// Runs a job to its end, killing now and then.
    ///
    /// @return what happened
    private String disturb(StandaloneCluster cluster, Job job, Path output) throws IOException {
        List<String> course = new ArrayList<>();
        for (int undisturbed = 0; undisturbed < MOST_STARTS; ) {
            Map<Path, FileTime> before = RunFiles.committed(output);
            int attempts = RunFiles.attempts(output);
            boolean kills = kills() < KILLS && course.size() < 2 * MOST_STARTS;
            try (SparkProcess submit = cluster.startSubmit(job.writingTo(output))) {
                boolean driverKilled = kills && killWhile(submit, cluster, output, attempts, course);
                int exit = driverKilled ? -1 : submit.awaitEnd();
                // Finished work is not repeated: at most the interval at work is lost.
                assertThat(RunFiles.committed(output)).containsAllEntriesOf(before);
                if (exit == 0) {
                    return course + ", done";
                }
                if (!driverKilled) {
                    course.add("exit " + exit);
                    assertThat(exit).as(submit.output()).isEqualTo(1);
                }
                undisturbed += kills ? 0 : 1;
            }
        }
        throw new AssertionError("%s did not end: %s".formatted(output, course));
    }

    /// Kills one or two victims at random moments.
    ///
    /// @return whether the driver was one; no other victim is killed after it
    private boolean killWhile(
            SparkProcess submit, StandaloneCluster cluster, Path output, int attempts, List<String> course) {
        // One kill of four is anywhere from the JVM's start on, and the others are during the work.
        if (random.nextInt(4) != 0) {
            RunFiles.awaitWork(submit, output, attempts);
        }
        int victims = 1 + random.nextInt(2);
        for (int i = 0; i < victims; i++) {
            SparkProcess.sleep(random.nextInt(6000));
            Victim victim = Victim.values()[random.nextInt(Victim.values().length)];
            boolean hit = submit.isAlive()
                    && switch (victim) {
                        case DRIVER -> submit.kill();
                        case EXECUTOR -> cluster.killExecutor(random.nextInt(2));
                        case WORKER -> cluster.killWorker(random.nextInt(2));
                    };
            if (hit) {
                killed.merge(victim, 1, Integer::sum);
                course.add(victim + " killed");
                if (victim == Victim.DRIVER) {
                    return true;
                }
            }
        }
        return false;
    }

    /// Returns what each interval's data files hold, because Spark's names of them differ between runs.
    private static List<String> intervals(Path output) throws IOException {
        List<String> intervals = new ArrayList<>();
        int files = 0;
        for (Path commit : RunFiles.list(output.resolve("_spark_qwen/commits"), "[0-9]*.json")) {
            List<String> names = new ArrayList<>();
            for (JsonNode name : new ObjectMapper().readTree(commit.toFile()).get("files")) {
                names.add(name.textValue());
            }
            StringBuilder contents = new StringBuilder();
            for (String name : names.stream().sorted().toList()) {
                contents.append(content(output.resolve(name)));
            }
            intervals.add(contents.toString());
            files += names.size();
        }
        assertThat(RunFiles.list(output, "part-*"))
                .as("files that no commit names")
                .hasSize(files);
        return intervals;
    }

    /// Returns a file's bytes; for Parquet, with those of its footer sorted. parquet-java takes a column's
    /// encodings from a hash set of objects, so their order in the footer, which has no meaning, differs between
    /// JVMs.
    private static String content(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        if (file.toString().endsWith(".parquet")) {
            int end = bytes.length - FOOTER_LENGTH_AND_MAGIC;
            int footer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(end);
            Arrays.sort(bytes, end - footer, end);
        }
        return HexFormat.of().formatHex(bytes);
    }
}
