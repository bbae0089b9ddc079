package org.sparkqwen.job.input.record;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/// Cuts a file of comma-separated values into records, as in RFC 4180. A quoted field may hold line breaks and
/// separators, and within it a quote is doubled. Outside of quotes LF, CR LF and CR end a record.
///
/// It finds where records end, and quotes that are malformed. The parser divides a record into fields.
final class CsvRecords implements Iterator<InputRecord> {
    private static final int END = -1;

    /// The longest record, because no more fits into an array. A record of this length has lost its closing quote
    /// long before.
    private static final int LONGEST = 1 << 30;

    private final InputStream file;
    private final Syntax syntax;
    private int current;
    private long line = 1;
    private @Nullable InputRecord next;

    /// The characters with a meaning.
    ///
    /// @param separator the separator of fields, in UTF-8
    /// @param quote the quote of a field; `\0` for none
    /// @param escape the character that escapes a quote; the same as `quote` where quotes are doubled
    /// @param lineSeparator the line separator, in UTF-8; null for LF, CR LF and CR
    /// @param skipSpace whether white space before a field is not part of it
    record Syntax(byte[] separator, char quote, char escape, byte @Nullable [] lineSeparator, boolean skipSpace) {
        static Syntax of(String separator, char quote, char escape) {
            return new Syntax(separator.getBytes(StandardCharsets.UTF_8), quote, escape, null, false);
        }
    }

    /// @param file in UTF-8
    CsvRecords(InputStream file, Syntax syntax) {
        this.file = new BufferedInputStream(file, 1 << 16);
        this.syntax = syntax;
        advance();
        skipByteOrderMark();
        next = cut();
    }

    @Override
    public boolean hasNext() {
        return next != null;
    }

    @Override
    public InputRecord next() {
        InputRecord result = next;
        if (result == null) {
            throw new NoSuchElementException();
        }
        next = cut();
        return result;
    }

    private void advance() {
        try {
            current = file.read();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void skipByteOrderMark() {
        if (current == 0xEF && peek(new byte[] {(byte) 0xBB, (byte) 0xBF})) {
            advance();
            advance();
            advance();
        }
    }

    /// Returns whether these bytes come after the current one.
    private boolean peek(byte[] expected) {
        try {
            file.mark(expected.length);
            byte[] found = file.readNBytes(expected.length);
            file.reset();
            return Arrays.equals(found, expected);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean at(byte[] expected) {
        return current == (expected[0] & 0xFF)
                && (expected.length == 1 || peek(Arrays.copyOfRange(expected, 1, expected.length)));
    }

    private @Nullable InputRecord cut() {
        if (current == END) {
            return null;
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        String problem = null;
        boolean fieldBegins = true;
        while (current != END && !endsLine()) {
            if (bytes.size() >= LONGEST) {
                throw new IllegalStateException(
                        "the record that ends behind line %,d is longer than 1 GiB".formatted(line));
            }
            if (at(syntax.separator)) {
                for (int i = 0; i < syntax.separator.length; i++) {
                    take(bytes);
                }
                fieldBegins = true;
            } else if (fieldBegins && current == syntax.quote && syntax.quote != 0) {
                String wrong = quoted(bytes);
                problem = problem == null ? wrong : problem;
                fieldBegins = false;
            } else {
                fieldBegins &= syntax.skipSpace && (current == ' ' || current == '\t');
                take(bytes);
            }
        }
        endLine();
        return new InputRecord(bytes.toByteArray(), problem);
    }

    /// Reads a quoted field, including its quotes.
    ///
    /// @return what is wrong with it; null if nothing is
    private @Nullable String quoted(ByteArrayOutputStream bytes) {
        long opened = line;
        take(bytes);
        while (current != END) {
            if (bytes.size() >= LONGEST) {
                throw new IllegalStateException("the quote in line %,d is not closed within 1 GiB".formatted(opened));
            }
            boolean escape = current == syntax.escape;
            if (current == syntax.quote) {
                take(bytes);
                if (escape && current == syntax.quote) {
                    take(bytes);
                    continue;
                }
                if (current == END || at(syntax.separator) || endsLine()) {
                    return null;
                }
                if (syntax.skipSpace && (current == ' ' || current == '\t')) {
                    return null;
                }
                if (escape) {
                    return "a quote within the quoted field is not doubled";
                }
            } else {
                take(bytes);
                if (escape && current != END) {
                    take(bytes);
                }
            }
        }
        return "the quote is not closed: the rest of the file was read as this field";
    }

    private void take(ByteArrayOutputStream bytes) {
        if (current == '\n') {
            line++;
        }
        bytes.write(current);
        advance();
    }

    private boolean endsLine() {
        byte[] separator = syntax.lineSeparator();
        return separator == null ? current == '\n' || current == '\r' : at(separator);
    }

    private void endLine() {
        if (current == END) {
            return;
        }
        line++;
        byte[] separator = syntax.lineSeparator();
        if (separator != null) {
            for (int i = 0; i < separator.length; i++) {
                advance();
            }
            return;
        }
        boolean carriageReturn = current == '\r';
        advance();
        if (carriageReturn && current == '\n') {
            advance();
        }
    }
}
