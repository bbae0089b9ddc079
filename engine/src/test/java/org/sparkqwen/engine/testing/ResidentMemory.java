package org.sparkqwen.engine.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The memory of this process, as Linux counts it.
public enum ResidentMemory {
    NOW("VmRSS:"),
    AT_MOST("VmHWM:");

    private final String key;

    ResidentMemory(String key) {
        this.key = key;
    }

    public long bytes() throws IOException {
        String line = Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(each -> each.startsWith(key))
                .findFirst()
                .orElseThrow();
        return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
    }
}
