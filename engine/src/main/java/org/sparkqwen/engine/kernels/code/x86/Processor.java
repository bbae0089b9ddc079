package org.sparkqwen.engine.kernels.code.x86;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/// The abilities of the processor, as Linux lists them in `/proc/cpuinfo`. An ability is in the list if both the
/// processor and the system have it.
public final class Processor {
    private static final Path CPUINFO = Path.of("/proc/cpuinfo");

    private Processor() {}

    /// The reason why this machine cannot run code that needs some abilities; empty if it can.
    ///
    /// @param flags names of abilities, as in `/proc/cpuinfo`
    public static Optional<String> obstacle(Set<String> flags) {
        if (!System.getProperty("os.name").equals("Linux")
                || !System.getProperty("os.arch").equals("amd64")) {
            return Optional.of("they are for Linux on x86-64");
        }
        return Cpuinfo.TEXT
                .map(text -> obstacle(text, flags))
                .orElseGet(() -> Optional.of("%s cannot be read".formatted(CPUINFO)));
    }

    /// The text of `/proc/cpuinfo`, read once. It does not change, and the system takes long to write it.
    private static final class Cpuinfo {
        static final Optional<String> TEXT = read();

        private static Optional<String> read() {
            try {
                return Optional.of(Files.readString(CPUINFO));
            } catch (IOException e) {
                return Optional.empty();
            }
        }
    }

    /// @param cpuinfo the text of `/proc/cpuinfo`
    static Optional<String> obstacle(String cpuinfo, Set<String> flags) {
        Set<String> present = cpuinfo.lines()
                .filter(line -> line.startsWith("flags"))
                .findFirst()
                .map(line -> Set.of(line.substring(line.indexOf(':') + 1).trim().split("\\s+")))
                .orElse(Set.of());
        return flags.stream()
                .sorted()
                .filter(flag -> !present.contains(flag))
                .findFirst()
                .map("the processor has no %s"::formatted);
    }
}
