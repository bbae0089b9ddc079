package org.sparkqwen.job.input;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.List;
import java.util.function.Supplier;
import org.apache.commons.io.input.ReaderInputStream;
import org.apache.hadoop.fs.Path;
import org.apache.spark.util.SerializableConfiguration;
import org.sparkqwen.job.input.record.InputRecord;
import org.sparkqwen.job.input.record.RecordFormat;
import org.sparkqwen.job.spark.CurrentFile;
import org.sparkqwen.job.spark.PlainFiles;
import org.sparkqwen.job.spark.SparkRow;

/// The source from which a task gets its records: the lines of Spark's scan, or files that are cut here.
record RecordSource(SerializableConfiguration hadoop) implements Serializable {
    /// Returns the records of one row of Spark's scan, which is a line or a whole file.
    Iterator<InputRecord> records(RecordFormat format, SparkRow row) {
        if (!format.multiLine()) {
            return List.of(line(format.charset(), row.bytes(0))).iterator();
        }
        Path path = new Path(CurrentFile.path());
        InputStream file = PlainFiles.open(hadoop.value(), path);
        return new RecordsOfFile(path, () -> format.cut(inUtf8(file, format.charset())));
    }

    private static InputRecord line(Charset charset, byte[] bytes) {
        if (charset.equals(StandardCharsets.UTF_8)) {
            return new InputRecord(bytes, null);
        }
        try {
            String text = charset.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
            return new InputRecord(text.getBytes(StandardCharsets.UTF_8), null);
        } catch (CharacterCodingException e) {
            return new InputRecord(bytes, "the line is not %s".formatted(charset));
        }
    }

    private static InputStream inUtf8(InputStream file, Charset charset) {
        if (charset.equals(StandardCharsets.UTF_8)) {
            return file;
        }
        Reader reader = new InputStreamReader(file, charset.newDecoder()); // this decoder reports malformed input
        try {
            return ReaderInputStream.builder()
                    .setReader(reader)
                    .setCharset(StandardCharsets.UTF_8)
                    .get();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// The records of a file. Errors name the file in the words that Spark uses.
    private static final class RecordsOfFile implements Iterator<InputRecord> {
        private final Path path;
        private final Iterator<InputRecord> records;

        RecordsOfFile(Path path, Supplier<Iterator<InputRecord>> records) {
            this.path = path;
            this.records = named(records);
        }

        @Override
        public boolean hasNext() {
            return records.hasNext();
        }

        @Override
        public InputRecord next() {
            return named(records::next);
        }

        private <T> T named(Supplier<T> step) {
            try {
                return step.get();
            } catch (UncheckedIOException | IllegalStateException e) {
                throw new IllegalStateException("Encountered error while reading file %s.".formatted(path.toUri()), e);
            }
        }
    }
}
