package org.sparkqwen.job.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.storage.LocaleEncoding;

/// A local file whose text is the value of an option.
final class OptionFile {
    /// The most bytes that are read, because no option takes a longer text.
    private static final int MOST_BYTES = 16 << 20;

    private static final String BYTE_ORDER_MARK = "\uFEFF";

    private OptionFile() {}

    /// Reads the text of a file in UTF-8, without a byte order mark at its beginning. A pipe or a device is read
    /// too, up to the same limit.
    ///
    /// @throws Refusal if the file cannot be read, is too large, or is not UTF-8
    static String text(String option, String file) {
        String text = decoded(option, file, bytes(option, file));
        return text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
    }

    private static byte[] bytes(String option, String file) {
        LocaleEncoding.ofProcess().refuseOthers(option, file);
        try (InputStream in = Files.newInputStream(Path.of(file))) {
            byte[] bytes = in.readNBytes(MOST_BYTES + 1);
            if (bytes.length > MOST_BYTES) {
                throw refused(option, file, "it has more than %,d bytes".formatted(MOST_BYTES));
            }
            return bytes;
        } catch (NoSuchFileException _) {
            throw refused(option, file, "there is no such file");
        } catch (IOException | InvalidPathException e) {
            throw refused(option, file, Quote.line(Failures.firstLine(e)));
        }
    }

    private static String decoded(String option, String file, byte[] bytes) {
        try {
            return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException _) {
            throw refused(option, file, "it is not UTF-8");
        }
    }

    private static Refusal refused(String option, String file, String reason) {
        return Refusal.usage("%s %s cannot be read: %s".formatted(option, Quote.of(file), reason));
    }
}
