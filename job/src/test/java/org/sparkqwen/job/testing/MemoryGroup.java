package org.sparkqwen.job.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A group of processes whose memory the kernel limits as it does for a container: a cgroup of version 1 or 2. The
/// kernel kills a process of the group if nothing else makes room.
///
/// @param directory where the kernel shows the group
/// @param version 1 or 2
public record MemoryGroup(Path directory, int version) implements AutoCloseable {
    private static final Path CGROUPS = Path.of("/sys/fs/cgroup");

    /// Makes a group below that of this process; empty where this user or this system cannot.
    ///
    /// @param bytes the limit of the group
    public static Optional<MemoryGroup> limitedTo(long bytes) {
        try {
            String own = Files.readString(Path.of("/proc/self/cgroup"));
            Matcher first = Pattern.compile("(?m)^\\d+:memory:/(.*)$").matcher(own);
            Path parent;
            int version;
            if (first.find()) {
                version = 1;
                parent = CGROUPS.resolve("memory").resolve(first.group(1));
            } else {
                version = 2;
                parent = delegating(own);
            }
            Path directory =
                    parent.resolve("spark-qwen-" + ProcessHandle.current().pid());
            Files.createDirectory(directory);
            MemoryGroup group = new MemoryGroup(directory, version);
            group.limit(bytes);
            return Optional.of(group);
        } catch (IOException e) {
            System.out.println("no cgroup can be made here: " + e);
            return Optional.empty();
        }
    }

    /// Returns the nearest group above this process's whose members have controllers of memory of their own.
    private static Path delegating(String own) throws IOException {
        Matcher path = Pattern.compile("(?m)^0::/(.*)$").matcher(own);
        Path group = CGROUPS.resolve(path.find() ? path.group(1) : "");
        while (!Files.readString(group.resolve("cgroup.subtree_control")).contains("memory")) {
            group = group.equals(CGROUPS) ? CGROUPS : group.getParent();
            if (group.equals(CGROUPS)) {
                return CGROUPS;
            }
        }
        return group;
    }

    private void limit(long bytes) throws IOException {
        String text = Long.toString(bytes);
        if (version == 1) {
            Files.writeString(directory.resolve("memory.limit_in_bytes"), text);
        } else {
            Files.writeString(directory.resolve("memory.max"), text);
            Files.writeString(directory.resolve("memory.swap.max"), "0");
        }
    }

    /// Makes a directory with a `bin/java` that joins this group and becomes a given JVM's, for `JAVA_HOME`.
    ///
    /// @param directory which does not exist
    /// @param home the JVM's own `JAVA_HOME`
    public Path javaHome(Path directory, Path home) throws IOException {
        Path java = Files.createDirectories(directory.resolve("bin")).resolve("java");
        String script = """
            #!/bin/sh
            echo $$ > %s/cgroup.procs || exit 1
            exec %s/bin/java "$@"
            """.formatted(this.directory, home);
        Files.writeString(java, script);
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
        return directory;
    }

    /// Returns the bytes that processes have for themselves: heaps, buffers, stacks. The kernel cannot take them
    /// back.
    public long own() {
        return statistic(version == 1 ? "total_rss" : "anon");
    }

    /// Returns the bytes of pages of files, which the kernel gives up when it needs room.
    public long files() {
        return statistic(version == 1 ? "total_cache" : "file");
    }

    /// Returns the bytes of pages of files that processes have mapped, such as the weights.
    public long mapped() {
        return statistic(version == 1 ? "total_mapped_file" : "file_mapped");
    }

    /// Returns the bytes that count against the limit, which include the kernel's own for these processes.
    public long all() {
        String file = version == 1 ? "memory.usage_in_bytes" : "memory.current";
        return Long.parseLong(read(file).strip());
    }

    /// Returns how many processes the kernel has killed for want of memory.
    public long kills() {
        return number(read(version == 1 ? "memory.oom_control" : "memory.events"), "oom_kill");
    }

    private long statistic(String name) {
        return number(read("memory.stat"), name);
    }

    private String read(String file) {
        try {
            return Files.readString(directory.resolve(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long number(String lines, String name) {
        Matcher line = Pattern.compile("(?m)^" + name + " (\\d+)$").matcher(lines);
        if (!line.find()) {
            throw new AssertionError("no %s in %s".formatted(name, lines));
        }
        return Long.parseLong(line.group(1));
    }

    /// Removes the group, whose processes have ended or are about to.
    @Override
    public void close() {
        for (int i = 0; i < 100 && Files.exists(directory); i++) {
            try {
                Files.delete(directory);
            } catch (IOException _) {
                SparkProcess.sleep(100);
            }
        }
    }
}
