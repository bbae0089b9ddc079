package org.sparkqwen.job.cli.report;

/// A number of bytes for a person, such as `7.49 GiB`.
public final class ByteCount {
    private ByteCount() {}

    public static String text(long bytes) {
        return bytes < 1 << 20
                ? "%,.1f KiB".formatted(bytes / 1024.0)
                : bytes < 1 << 30
                        ? "%,.1f MiB".formatted(bytes / 1024.0 / 1024)
                        : "%,.2f GiB".formatted(bytes / 1024.0 / 1024 / 1024);
    }
}
