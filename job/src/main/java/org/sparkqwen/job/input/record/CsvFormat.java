package org.sparkqwen.job.input.record;

import com.univocity.parsers.csv.CsvParser;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.spark.CsvReading;
import org.sparkqwen.job.spark.ParsedRow;
import org.sparkqwen.job.spark.SparkRow;

/// Comma-separated values. A record with too many or too few fields, or with a quote that is not closed or not doubled,
/// becomes a row with a problem.
///
/// @param options the options of Spark's reader
/// @param timeZone the time zone of times without one
/// @param corruptColumn see [RecordFormat#corruptColumn]
/// @param columns the columns of a record
/// @param header the header of the first file, unchanged; null if files have none
public record CsvFormat(
        Map<String, String> options,
        String timeZone,
        String corruptColumn,
        StructType columns,
        @Nullable List<String> header)
        implements RecordFormat {

    public CsvFormat(Map<String, String> options, String timeZone, String corruptColumn) {
        this(options, timeZone, corruptColumn, new StructType(), null);
    }

    private CsvReading reading() {
        return new CsvReading(options, timeZone, corruptColumn);
    }

    @Override
    public boolean multiLine() {
        return reading().multiLine();
    }

    @Override
    public Charset charset() {
        return reading().charset();
    }

    @Override
    public Mode mode() {
        return Mode.valueOf(reading().mode().toUpperCase(Locale.ROOT));
    }

    @Override
    public StructType infer(Dataset<String> records) {
        return records.sparkSession()
                .read()
                .options(options)
                .option("mode", Mode.PERMISSIVE.name())
                .csv(records)
                .schema();
    }

    @Override
    public RecordFormat with(StructType found, Dataset<String> records) {
        List<String> names = null;
        if (reading().hasHeader()) {
            List<String> first = records.takeAsList(1);
            names = first.isEmpty() ? List.of() : fields(reading().tokenizer(), first.getFirst());
        }
        return new CsvFormat(options, timeZone, corruptColumn, found, names);
    }

    private static List<String> fields(CsvParser tokenizer, String record) {
        String[] fields = tokenizer.parseLine(record);
        List<String> names = new ArrayList<>();
        for (String field : fields == null ? new String[0] : fields) {
            names.add(String.valueOf(field));
        }
        return names;
    }

    @Override
    public Iterator<InputRecord> cut(InputStream file) {
        CsvReading reading = reading();
        byte[] lineSeparator = reading.lineSeparator()
                .map(separator -> separator.getBytes(StandardCharsets.UTF_8))
                .orElse(null);
        return new CsvRecords(
                file,
                new CsvRecords.Syntax(
                        reading.delimiter().getBytes(StandardCharsets.UTF_8),
                        reading.quote(),
                        reading.escape(),
                        lineSeparator,
                        reading.ignoresLeadingWhiteSpace()));
    }

    @Override
    public Parser parser(StructType read, boolean beginning) {
        return new CsvParserOfTask(read, beginning);
    }

    /// The parser of one task, which is not thread-safe.
    private final class CsvParserOfTask implements Parser {
        private final CsvReading reading = reading();
        private final CsvParser tokenizer = reading.tokenizer();
        private final Function<String, ParsedRow> parser;
        private final StructType read;
        private boolean headerComes;

        CsvParserOfTask(StructType read, boolean beginning) {
            this.read = read;
            parser = reading.parser(columns, read);
            headerComes = beginning && header != null;
        }

        @Override
        public List<ParsedRecord> parse(InputRecord record) {
            byte[] bytes = record.bytes();
            if (bytes.length == 0 || reading.beginsComment(bytes[0])) {
                return List.of();
            }
            // The parser sees each byte of malformed UTF-8 as one character, so the bytes come out unchanged.
            boolean valid = UTF8String.fromBytes(bytes).isValid();
            String text = new String(bytes, valid ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1);
            if (headerComes) {
                headerComes = false;
                checkHeader(text);
                return List.of();
            }
            ParsedRecord row = row(text, record.problem());
            return List.of(valid ? row : new ParsedRecord(asBytes(row.row()), row.problem()));
        }

        private void checkHeader(String text) {
            List<String> found = fields(tokenizer, text);
            if (!found.equals(header)) {
                throw new IllegalStateException("its header is %s, and that of the first file %s"
                        .formatted(
                                Quote.of(String.join(reading.delimiter(), found)),
                                Quote.of(String.join(reading.delimiter(), header == null ? List.of() : header))));
            }
        }

        private ParsedRecord row(String text, @Nullable String problem) {
            ParsedRow parsed = parser.apply(text);
            return new ParsedRecord(
                    parsed.row(),
                    problem != null || parsed.failure() == null ? problem : problem(text, parsed.failure()));
        }

        private String problem(String text, Throwable failure) {
            int found = fields(tokenizer, text).size();
            return found == columns.size()
                    ? "a field does not suit its column: " + Quote.line(Failures.firstLine(failure))
                    : "the record has %d field%s, not %d".formatted(found, found == 1 ? "" : "s", columns.size());
        }

        private SparkRow asBytes(SparkRow row) {
            @Nullable Object[] values = new @Nullable Object[read.size()];
            Arrays.setAll(values, i -> row.get(i, read.apply(i).dataType()));
            for (int i = 0; i < values.length; i++) {
                if (read.apply(i).dataType().equals(DataTypes.StringType) && values[i] != null) {
                    values[i] = UTF8String.fromBytes(values[i].toString().getBytes(StandardCharsets.ISO_8859_1));
                }
            }
            return SparkRow.of(values);
        }
    }
}
