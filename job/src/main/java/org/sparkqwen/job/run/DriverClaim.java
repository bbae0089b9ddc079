package org.sparkqwen.job.run;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.Timer;
import java.util.TimerTask;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.ChecksumFileSystem;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;

/// A driver's claim to an output. Of several drivers one is at work, and the others are refused while it lives.
///
/// This is Lamport's bakery algorithm, in files of the run's state. A driver that arrives says so (`ID.entering`) and
/// takes a number that is higher than all others (`NUMBER-ID.claim`). From then on only the drivers before it matter:
/// it is refused if one of them lives. The algorithm needs no lock, no rename and no exclusive creation, which many
/// stores lack. It needs only that a file that was written is visible to all, which they guarantee.
///
/// A living driver renews `ID.alive` every five seconds. A driver of this machine whose process has ended is dead at
/// once. A driver of another machine counts as dead when it was silent for half a minute, because nothing else can be
/// known about it; the waiting driver measures this with its own clock. The driver that takes over deletes the claims
/// of the dead. If one of them was only asleep, it finds its claim gone before it commits anything.
final class DriverClaim implements AutoCloseable {
    /// The directory of claims in a run's state.
    static final String DIRECTORY = "drivers";

    static final Duration BETWEEN_RENEWALS = Duration.ofSeconds(5);

    /// The time without a renewal after which another machine's driver counts as dead.
    static final Duration SILENCE = Duration.ofSeconds(30);

    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(200);
    private static final int LARGEST = 1 << 16;
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final Pattern ENTERING = Pattern.compile("([0-9a-f-]{36})\\.entering");
    private static final Pattern CLAIM = Pattern.compile("(\\d{9})-([0-9a-f-]{36})\\.claim");

    /// The ids of this process's claims.
    private static final Set<String> HELD = ConcurrentHashMap.newKeySet();

    private final FileSystem files;
    private final Path directory;
    private final String output;
    private final Duration silence;
    private final DriverProcess self = DriverProcess.ofThisProcess();
    private final Timer timer = new Timer("spark-qwen-claim", true);
    private Path claim;

    @GuardedBy("this")
    private boolean closed;

    /// The file of another driver.
    ///
    /// @param number the driver's number; empty while it takes one
    private record Other(String id, Optional<Long> number, FileStatus file) {}

    private DriverClaim(FileSystem files, Path directory, String output, Duration silence) {
        // Hadoop's checksums of local files are separate files, which others may see half written.
        this.files = files instanceof ChecksumFileSystem checked ? checked.getRawFileSystem() : files;
        this.directory = directory;
        this.output = output;
        this.silence = silence;
        claim = new Path(directory, self.id() + ".entering");
    }

    /// Claims an output.
    ///
    /// @param console where a message says that this may take a while
    /// @param onLoss what to do when another driver has taken over
    /// @throws Refusal if another driver is at work on it
    static DriverClaim of(RunState state, String output, PrintStream console, Runnable onLoss) {
        return of(state, output, SILENCE, console, onLoss);
    }

    /// @param silence see [#SILENCE]
    static DriverClaim of(RunState state, String output, Duration silence, PrintStream console, Runnable onLoss) {
        DriverClaim claim = new DriverClaim(state.files(), state.directory(DIRECTORY), output, silence);
        HELD.add(claim.self.id());
        try {
            claim.enter();
            claim.renewNowAndThen(onLoss);
            claim.awaitThoseBefore(console);
        } catch (IOException | FSError e) {
            claim.close();
            throw Refusal.failure(
                    "--output %s: %s. Once that is mended, the same command goes on"
                            .formatted(output, Failures.firstLine(e)),
                    e);
        } catch (RuntimeException | Error e) {
            claim.close();
            throw e;
        }
        return claim;
    }

    /// Returns whether this process holds a claim.
    static boolean isHeld(String id) {
        return HELD.contains(id);
    }

    private void enter() throws IOException {
        Path entering = claim;
        write(entering);
        long number = 1
                + others().stream()
                        .mapToLong(other -> other.number.orElse(0L))
                        .max()
                        .orElse(0);
        claim = new Path(directory, claimName(number, self.id()));
        write(claim);
        files.delete(entering, false);
    }

    private void write(Path file) throws IOException {
        try (OutputStream out = files.create(file, true)) {
            out.write(JSON.writeValueAsBytes(self));
        }
    }

    private List<Other> others() throws IOException {
        List<Other> others = new ArrayList<>();
        FileStatus[] found;
        try {
            found = files.listStatus(directory);
        } catch (FileNotFoundException e) {
            return others;
        }
        for (FileStatus file : found) {
            String name = file.getPath().getName();
            Matcher entering = ENTERING.matcher(name);
            Matcher numbered = CLAIM.matcher(name);
            if (entering.matches() && !entering.group(1).equals(self.id())) {
                others.add(new Other(entering.group(1), Optional.empty(), file));
            } else if (numbered.matches() && !numbered.group(2).equals(self.id())) {
                others.add(new Other(numbered.group(2), Optional.of(Long.parseLong(numbered.group(1))), file));
            }
        }
        return others;
    }

    private Optional<DriverProcess> driver(Other other) {
        try (InputStream in = files.open(other.file.getPath())) {
            return Optional.ofNullable(JSON.readValue(in.readNBytes(LARGEST), DriverProcess.class))
                    .filter(driver -> driver.host() != null && driver.machine() != null && driver.started() != null);
        } catch (IOException e) {
            return Optional.empty(); // gone, incomplete or invalid: then only its renewals count
        }
    }

    /// Waits until every driver before this one is known to be dead, and removes its claim.
    private void awaitThoseBefore(PrintStream console) throws IOException {
        Map<String, Sign> signs = new HashMap<>();
        boolean announced = false;
        int empty = 0;
        while (true) {
            List<Other> undecided = new ArrayList<>();
            for (Other other : others()) {
                if (!isBefore(other)) {
                    continue;
                }
                Optional<DriverProcess> driver = driver(other);
                boolean judged =
                        driver.filter(each -> each.sharesMachineWith(self)).isPresent();
                Sign sign = signs.computeIfAbsent(other.id, _ -> new Sign(lastSign(other)));
                boolean isSilent = sign.isSilent(lastSign(other), silence);
                boolean dead = judged ? driver.filter(DriverProcess::runs).isEmpty() : isSilent;
                boolean alive = other.number.isPresent() && (judged || sign.changed);
                String shown = driver.map(DriverProcess::toString).orElse("of which nothing is known");
                if (dead) {
                    remove(other);
                } else if (alive || isSilent) {
                    throw Refusal.failure(("another run is at work on --output %s (%s); wait for its end, or end it and"
                                    + " give the same command again")
                            .formatted(output, shown));
                } else {
                    undecided.add(other);
                    if (!judged && !announced && sign.isOld()) {
                        announced = true;
                        console.printf(
                                "Another run has begun on %s (%s); waiting up to %d s to see whether it is still at"
                                        + " work%n",
                                output, shown, silence.toSeconds());
                    }
                }
            }
            // One listing may miss both files of a driver that is taking its number; the next does not.
            empty = undecided.isEmpty() ? empty + 1 : 0;
            if (empty == 2) {
                return;
            }
            if (empty == 0) {
                sleep();
            }
        }
    }

    private boolean isBefore(Other other) {
        return other.number.isEmpty() || claimName(other.number.get(), other.id).compareTo(claim.getName()) < 0;
    }

    private static String claimName(long number, String id) {
        return "%09d-%s.claim".formatted(number, id);
    }

    /// The last renewal seen of another driver, and since when.
    private static final class Sign {
        private final long seen;
        private final long since = System.nanoTime();
        private boolean changed;

        Sign(long seen) {
            this.seen = seen;
        }

        /// Returns whether the driver was looked at several times, because a claim cannot be read while it is
        /// being written.
        boolean isOld() {
            return System.nanoTime() - since > 2 * BETWEEN_LOOKS.toNanos();
        }

        boolean isSilent(long now, Duration silence) {
            changed |= now != seen;
            return !changed && System.nanoTime() - since > silence.toNanos();
        }
    }

    /// Returns when another driver last renewed its claim, by a clock that may differ from ours; 0 if it never did.
    private long lastSign(Other other) {
        try {
            return files.getFileStatus(alive(other.id)).getModificationTime();
        } catch (IOException e) {
            return 0;
        }
    }

    private Path alive(String id) {
        return new Path(directory, id + ".alive");
    }

    private void remove(Other other) throws IOException {
        files.delete(other.file.getPath(), false);
        files.delete(alive(other.id), false);
    }

    private static void sleep() throws IOException {
        try {
            Thread.sleep(BETWEEN_LOOKS.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for another run", e);
        }
    }

    private void renewNowAndThen(Runnable onLoss) {
        TimerTask renewal = new TimerTask() {
            @Override
            public void run() {
                if (!renew()) {
                    cancel();
                    onLoss.run();
                }
            }
        };
        timer.schedule(renewal, 0, BETWEEN_RENEWALS.toMillis());
    }

    /// @return false if the claim is lost
    private synchronized boolean renew() {
        try {
            if (!closed && !files.exists(claim)) {
                return false;
            }
            if (!closed) {
                try (OutputStream out = files.create(alive(self.id()), true)) {
                    out.write(Instant.now().toString().getBytes(StandardCharsets.US_ASCII));
                }
            }
        } catch (IOException | FSError | RuntimeException e) {
            // The reason may be a full disk, or a file system that was closed. Nobody else is harmed, and the next
            // renewal may succeed.
        }
        return true;
    }

    /// Refuses to continue if another driver has taken over, because it took this one for dead.
    void refuseIfLost() {
        try {
            if (files.exists(claim)) {
                return;
            }
            DriverProcess other = others().stream()
                    .map(this::driver)
                    .flatMap(Optional::stream)
                    .findFirst()
                    .orElse(null);
            throw Refusal.failure(
                    other == null
                            ? ("%s was deleted, so that another run may begin; this one stops, and what it had done is"
                                            + " kept")
                                    .formatted(claim)
                            : ("another run has taken over --output %s (%s), after this one gave no sign of life for"
                                            + " %d s; this one stops, and what it had done is kept")
                                    .formatted(output, other, silence.toSeconds()));
        } catch (IOException | FSError e) {
            throw Refusal.failure(
                    "--output %s: %s. Once that is mended, the same command goes on"
                            .formatted(output, Failures.firstLine(e)),
                    e);
        }
    }

    /// Releases the output.
    @Override
    public void close() {
        timer.cancel();
        synchronized (this) {
            closed = true;
            try {
                for (Path file : List.of(alive(self.id()), claim, new Path(directory, self.id() + ".entering"))) {
                    files.delete(file, false);
                }
            } catch (IOException | FSError | RuntimeException e) {
                // The next driver finds that this process has ended, or that it is silent.
            }
        }
        HELD.remove(self.id());
    }
}
