package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;

/// A run's output, finished or half done, is attacked: files are cut, emptied, removed, renamed, edited or mixed up,
/// and the same command is given again. Then every row is in the output once, or one line says what is wrong.
class RunAttackTest {
    private static final long SEED = Long.getLong("attack.seed", 1);
    private static final int LONG_FORM = Integer.getInteger("attack.rounds", 300);

    @TempDir
    private Path directory = Path.of("");

    private final Random random = new Random(SEED);

    private enum Attack {
        CUT,
        EMPTY,
        REMOVE,
        RENAME,
        FLIP_A_BIT,
        APPEND,
        FORGE_A_DIGIT,
        COPY_OVER_ANOTHER,
        COPY_BESIDE,
        BECOME_A_DIRECTORY
    }

    @Test
    void someAttacks() throws IOException {
        attack(4);
    }

    @Test
    @Tag("slow")
    void manyAttacks() throws IOException {
        attack(LONG_FORM);
    }

    private void attack(int rounds) throws IOException {
        Path finished = directory.resolve("finished");
        CommandRun undisturbed = tokenize(finished);
        assertThat(undisturbed.exitCode()).as(undisturbed.err()).isZero();
        List<String> expected = rows(finished);
        assertThat(expected).hasSize(220);
        int refused = 0;
        for (int round = 0; round < rounds; round++) {
            Path output = directory.resolve("round-" + round);
            copy(finished, output);
            boolean half = random.nextBoolean();
            if (half) {
                breakOff(output);
            }
            String attack = attack(output);
            CommandRun run = tokenize(output);
            String what = "seed %d, round %d, %s run: %s:%n%s"
                    .formatted(SEED, round, half ? "half done" : "finished", attack, run.err());
            if (run.exitCode() == 0) {
                assertThat(rows(output)).as(what).isEqualTo(expected);
                assertThat(output.resolve("_SUCCESS")).as(what).exists();
            } else {
                refused++;
                assertThat(run.err().lines().filter(line -> line.startsWith("spark-qwen tokenize: ")))
                        .as(what)
                        .singleElement()
                        .asString()
                        .contains(output.getFileName().toString())
                        // Hadoop's own message about the checksum file beside the data names the data file.
                        .matches("(?!.*--verbose shows where).*|.*: Checksum error: .*");
                assertThat(run.err()).as(what).doesNotContain("\tat ");
                assertThat(tokenize(output, "--mode", "overwrite").exitCode())
                        .as("overwriting after " + what)
                        .isIn(0, 2);
            }
            delete(output);
        }
        assertThat(refused).isPositive();
    }

    /// Leaves the state after a kill: of five intervals some are committed.
    private void breakOff(Path output) throws IOException {
        int kept = 1 + random.nextInt(4);
        for (int interval = kept; interval < 5; interval++) {
            Files.delete(output.resolve("_spark_qwen/commits/%05d.json".formatted(interval)));
        }
        Files.delete(output.resolve("_SUCCESS"));
    }

    /// @return what was done
    private String attack(Path output) throws IOException {
        List<Path> files = files(output);
        Path file = files.get(random.nextInt(files.size()));
        Path other = files.get(random.nextInt(files.size()));
        byte[] content = Files.readAllBytes(file);
        Attack attack = Attack.values()[random.nextInt(Attack.values().length)];
        String what = "%s %s".formatted(attack, output.relativize(file));
        switch (attack) {
            case CUT -> Files.write(file, Arrays.copyOf(content, content.length / 2));
            case EMPTY -> Files.write(file, new byte[0]);
            case REMOVE -> Files.delete(file);
            case RENAME -> Files.move(file, file.resolveSibling("renamed-" + file.getFileName()));
            case FLIP_A_BIT -> {
                if (content.length > 0) {
                    int at = random.nextInt(content.length);
                    content[at] = (byte) (content[at] ^ (1 << random.nextInt(8)));
                }
                Files.write(file, content);
            }
            case APPEND -> Files.writeString(file, "x".repeat(1 + random.nextInt(9)), StandardOpenOption.APPEND);
            case FORGE_A_DIGIT -> {
                int at = random.nextInt(Math.max(1, content.length));
                while (at < content.length && !Character.isDigit(content[at])) {
                    at++;
                }
                if (at < content.length) {
                    content[at] = (byte) ('0' + (content[at] - '0' + 1 + random.nextInt(8)) % 10);
                }
                Files.write(file, content);
            }
            case COPY_OVER_ANOTHER -> {
                Files.write(other, content);
                return what + " over " + output.relativize(other);
            }
            case COPY_BESIDE -> Files.write(file.resolveSibling("copy-of-" + file.getFileName()), content);
            case BECOME_A_DIRECTORY -> {
                Files.delete(file);
                Files.createDirectory(file);
            }
        }
        return what;
    }

    private static CommandRun tokenize(Path output, String... options) {
        String[] fixed = {"--checkpoint-rows", "50", "--columns", "id"};
        String[] all = Arrays.copyOf(fixed, fixed.length + options.length);
        System.arraycopy(options, 0, all, fixed.length, options.length);
        return CommandRun.of(LocalSpark.command("tokenize", LocalSpark.CORPUS, output, all));
    }

    private static List<String> rows(Path output) {
        return LocalSpark.sorted(LocalSpark.session().read().parquet(output.toString()));
    }

    private static List<Path> files(Path directory) throws IOException {
        try (var files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile).sorted().toList();
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        try (var files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file)), StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
    }

    private static void delete(Path directory) throws IOException {
        Files.walkFileTree(directory, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure) throws IOException {
                Files.delete(visited);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
