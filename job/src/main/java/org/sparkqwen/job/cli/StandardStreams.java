package org.sparkqwen.job.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.util.Objects;

/// The standard output and the standard error of this process, which are UTF-8 whatever the locale says.
///
/// The JVM takes their encoding from the locale, and containers often have none. It would then print a question mark
/// for each letter that is not ASCII, such as `±`, or the names and texts of rows.
final class StandardStreams {
    private StandardStreams() {}

    /// Makes both streams UTF-8, unless they are. A stream whose encoding was chosen with `-Dstdout.encoding` or
    /// `-Dstderr.encoding` keeps it.
    static void useUtf8() {
        if (isOfAnotherLocale(System.out, "stdout.encoding")) {
            System.setOut(utf8(FileDescriptor.out));
        }
        if (isOfAnotherLocale(System.err, "stderr.encoding")) {
            System.setErr(utf8(FileDescriptor.err));
        }
    }

    private static boolean isOfAnotherLocale(PrintStream stream, String encoding) {
        return !stream.charset().equals(UTF_8)
                && Objects.equals(System.getProperty(encoding), System.getProperty("native.encoding"));
    }

    private static PrintStream utf8(FileDescriptor descriptor) {
        return new PrintStream(new BufferedOutputStream(new FileOutputStream(descriptor)), true, UTF_8);
    }
}
