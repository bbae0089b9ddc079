package org.sparkqwen.job.run;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.UUID;
import org.sparkqwen.engine.message.Quote;

/// The process of a driver, as it describes itself in its claim to an output.
///
/// @param machine what distinguishes machines and users, as far as one can see another's processes
/// @param processStarted milliseconds since 1970, because process ids are used again
/// @param started when the driver came to this output
@JsonIgnoreProperties(ignoreUnknown = true)
record DriverProcess(String id, String host, String machine, long pid, long processStarted, String started) {
    static DriverProcess ofThisProcess() {
        ProcessHandle process = ProcessHandle.current();
        return new DriverProcess(
                UUID.randomUUID().toString(),
                thisHost(),
                thisMachine(),
                process.pid(),
                started(process),
                Instant.now().toString());
    }

    static String thisHost() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "an unknown host";
        }
    }

    /// Describes this machine. Processes of another container, boot or user cannot be judged from here.
    private static String thisMachine() {
        StringBuilder machine = new StringBuilder(thisHost());
        machine.append(' ').append(System.getProperty("user.name"));
        try {
            Path proc = Path.of("/proc");
            machine.append(' ')
                    .append(Files.readString(proc.resolve("sys/kernel/random/boot_id"))
                            .strip());
            machine.append(' ').append(Files.readSymbolicLink(proc.resolve("self/ns/pid")));
        } catch (IOException | UnsupportedOperationException e) {
            machine.append(" without /proc");
        }
        return machine.toString();
    }

    private static long started(ProcessHandle process) {
        return process.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
    }

    boolean sharesMachineWith(DriverProcess other) {
        return machine.equals(other.machine);
    }

    /// Returns whether the process of a driver of this machine runs.
    boolean runs() {
        if (pid == ProcessHandle.current().pid()) {
            return DriverClaim.isHeld(id);
        }
        return ProcessHandle.of(pid)
                .filter(ProcessHandle::isAlive)
                .filter(process -> Math.abs(started(process) - processStarted) < 10_000)
                .filter(process -> !hasEnded(pid))
                .isPresent();
    }

    /// Returns whether a process has ended, but its parent has not noticed yet.
    private static boolean hasEnded(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc/%d/stat".formatted(pid)));
            return stat.indexOf(") Z ") > 0 || stat.indexOf(") X ") > 0;
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public String toString() {
        return "process %d on %s, since %s".formatted(pid, Quote.of(host), Quote.of(started));
    }
}
