package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Timer;
import java.util.TimerTask;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.failure.Refusal;

/// Of several drivers one gets an output: drivers of this process, of this machine, and of others.
class DriverClaimTest {
    private static final Duration SILENCE = Duration.ofMillis(700);

    @TempDir
    private Path directory = Path.of("");

    private final ByteArrayOutputStream console = new ByteArrayOutputStream();

    @Test
    void aSecondDriverIsRefusedUntilTheFirstHasEnded() throws IOException {
        try (DriverClaim first = claim()) {
            assertThatThrownBy(this::claim)
                    .isInstanceOf(Refusal.class)
                    .hasMessageContainingAll(
                            "another run is at work on --output " + directory,
                            "process " + ProcessHandle.current().pid(),
                            "give the same command again");
            first.refuseIfLost();
        }
        assertThat(claims()).isEmpty();
        try (DriverClaim second = claim()) {
            second.refuseIfLost();
        }
    }

    @Test
    void ofManyThatStartTogetherOneGoesOn() throws InterruptedException, ExecutionException {
        for (int round = 0; round < 5; round++) {
            int drivers = 8;
            CountDownLatch start = new CountDownLatch(1);
            List<DriverClaim> held = new ArrayList<>();
            int refused = 0;
            try (ExecutorService threads = Executors.newFixedThreadPool(drivers)) {
                List<Future<DriverClaim>> claims = new ArrayList<>();
                for (int i = 0; i < drivers; i++) {
                    claims.add(threads.submit(() -> {
                        start.await();
                        return claim();
                    }));
                }
                start.countDown();
                for (Future<DriverClaim> each : claims) {
                    try {
                        held.add(each.get());
                    } catch (ExecutionException e) {
                        assertThat(e.getCause()).isInstanceOf(Refusal.class);
                        refused++;
                    }
                }
            }
            assertThat(held).hasSize(1);
            assertThat(refused).isEqualTo(drivers - 1);
            held.getFirst().refuseIfLost();
            held.getFirst().close();
        }
    }

    /// The files are those that a killed driver of this machine leaves, either as it enters or at work.
    @ParameterizedTest
    @ValueSource(strings = {"%s.entering", "000000001-%s.claim"})
    void aKilledDriverOfThisMachineIsInNobodysWay(String file) throws IOException {
        String id = UUID.randomUUID().toString();
        DriverProcess self = DriverProcess.ofThisProcess();
        write(file.formatted(id), json(id, self.machine(), Integer.MAX_VALUE));
        try (DriverClaim claim = claim()) {
            claim.refuseIfLost();
            assertThat(claims()).noneMatch(name -> name.contains(id));
        }
        assertThat(console.size()).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{}", "null", "[1]", "{\"id\": 7}", "{\"pid\": 1e999}"})
    void aDriverThatSaysNothingOfItselfIsDeadWhenItIsSilent(String content) throws IOException {
        write("000000001-%s.claim".formatted(UUID.randomUUID()), content);
        try (DriverClaim claim = claim()) {
            claim.refuseIfLost();
        }
        assertThat(console.toString(StandardCharsets.UTF_8)).contains("of which nothing is known");
    }

    @Test
    void aSilentDriverOfAnotherMachineIsTakenForDeadAndFindsThatIfItWakes() throws IOException {
        DriverClaim asleep = claim();
        Path own = drivers()
                .resolve(claims().stream()
                        .filter(name -> name.matches("\\d.*\\.claim"))
                        .findFirst()
                        .orElseThrow());
        // Another machine sees only renewals; the next one is five seconds away.
        Files.writeString(own, Files.readString(own).replaceFirst("\"machine\":\"[^\"]*\"", "\"machine\":\"other\""));
        Files.deleteIfExists(own.resolveSibling("." + own.getFileName() + ".crc"));
        try (DriverClaim taken = claim()) {
            taken.refuseIfLost();
            assertThatThrownBy(asleep::refuseIfLost)
                    .isInstanceOf(Refusal.class)
                    .hasMessageContainingAll("another run has taken over --output", "this one stops", "is kept");
        }
        asleep.close();
        assertThat(console.toString(StandardCharsets.UTF_8)).contains("to see whether it is still at work");
    }

    @Test
    void aDriverOfAnotherMachineThatRenewsItsClaimKeepsIt() throws IOException {
        String id = UUID.randomUUID().toString();
        write("000000001-%s.claim".formatted(id), json(id, "other", 7));
        Timer renewals = new Timer(true);
        renewals.schedule(
                new TimerTask() {
                    @Override
                    public void run() {
                        try {
                            write(id + ".alive", "");
                        } catch (IOException e) {
                            cancel();
                        }
                    }
                },
                0,
                200);
        assertThatThrownBy(this::claim).isInstanceOf(Refusal.class).hasMessageContaining("process 7 on h");
        renewals.cancel();
    }

    @Test
    void whoDeletesTheStateIsNoOtherDriver() throws IOException {
        try (DriverClaim claim = claim()) {
            for (String file : claims()) {
                Files.delete(drivers().resolve(file));
            }
            assertThatThrownBy(claim::refuseIfLost).hasMessageContaining("was deleted");
        }
    }

    private DriverClaim claim() {
        try {
            RunState state = new RunState(
                    FileSystem.getLocal(new Configuration()), new org.apache.hadoop.fs.Path(directory.toString()));
            return DriverClaim.of(
                    state,
                    directory.toString(),
                    SILENCE,
                    new PrintStream(console, true, StandardCharsets.UTF_8),
                    () -> {});
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static String json(String id, String machine, long pid) {
        return """
            {"id":"%s","host":"h","machine":"%s","pid":%d,"processStarted":1,"started":"now"}\
            """.formatted(id, machine, pid);
    }

    private Path drivers() {
        return directory.resolve("_spark_qwen/drivers");
    }

    private void write(String name, String content) throws IOException {
        Path file = Files.createDirectories(drivers()).resolve(name);
        Files.writeString(file, content);
    }

    private List<String> claims() throws IOException {
        try (var files = Files.list(drivers())) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }
}
