package org.sparkqwen.job.input.record;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/// Cuts a file of JSON values over any number of lines into records. The records are the file's values, or the elements
/// of an array at the top. It looks only at brackets and strings; the parser decides whether a record is JSON.
final class JsonRecords implements Iterator<InputRecord> {
    private static final int END = -1;

    private final InputStream file;
    private int current;
    private boolean inArray;
    private @Nullable InputRecord next;

    /// @param file in UTF-8
    JsonRecords(InputStream file) {
        this.file = new BufferedInputStream(file, 1 << 16);
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
        if (current == 0xEF) {
            advance(); // skips EF BB BF; nothing else that begins with EF begins a JSON value
            advance();
            advance();
        }
    }

    private @Nullable InputRecord cut() {
        while (current != END) {
            if (isSpace(current) || (inArray && current == ',')) {
                advance();
            } else if (!inArray && current == '[') {
                inArray = true;
                advance();
            } else if (inArray && current == ']') {
                inArray = false;
                advance();
            } else {
                return value();
            }
        }
        if (inArray) {
            inArray = false;
            return new InputRecord(new byte[0], "the array of JSON values is not closed: the file was cut off");
        }
        return null;
    }

    /// Reads a value, up to where it ends or is malformed.
    private InputRecord value() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        int depth = 0;
        while (current != END) {
            if (depth == 0 && bytes.size() > 0 && (isSpace(current) || current == ',' || current == ']')) {
                break;
            }
            switch (current) {
                case '"', '\'' -> {
                    string(bytes, current);
                    if (depth == 0) {
                        return new InputRecord(bytes.toByteArray(), null);
                    }
                }
                case '{', '[' -> {
                    depth++;
                    take(bytes);
                }
                case '}', ']' -> {
                    depth--;
                    take(bytes);
                    if (depth <= 0) {
                        return new InputRecord(bytes.toByteArray(), null);
                    }
                }
                default -> take(bytes);
            }
        }
        inArray &= current != END; // only one row says that the file was cut off
        return new InputRecord(bytes.toByteArray(), null);
    }

    private void take(ByteArrayOutputStream bytes) {
        bytes.write(current);
        advance();
    }

    private void string(ByteArrayOutputStream bytes, int quote) {
        take(bytes);
        while (current != END && current != quote) {
            if (current == '\\') {
                take(bytes);
            }
            if (current != END) {
                take(bytes);
            }
        }
        if (current != END) {
            take(bytes);
        }
    }

    private static boolean isSpace(int character) {
        return character == ' ' || character == '\n' || character == '\r' || character == '\t';
    }
}
