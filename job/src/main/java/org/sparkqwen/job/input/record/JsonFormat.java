package org.sparkqwen.job.input.record;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.spark.JsonReading;
import org.sparkqwen.job.spark.ParsedRow;
import org.sparkqwen.job.spark.SparkRow;

/// JSON, with one value in each line, or with values over any number of lines. A line that is not JSON becomes a row
/// with a problem that says what is wrong and at which byte.
///
/// @param options the options of Spark's reader
/// @param timeZone the time zone of times without one
/// @param corruptColumn see [RecordFormat#corruptColumn]
public record JsonFormat(Map<String, String> options, String timeZone, String corruptColumn) implements RecordFormat {
    private JsonReading reading() {
        return new JsonReading(options, timeZone, corruptColumn);
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
        StructType columns = records.sparkSession()
                .read()
                .options(options)
                .option("mode", Mode.PERMISSIVE.name())
                .json(records)
                .schema();
        return (StructType) withoutDoubles(columns);
    }

    /// Removes duplicate fields, which a schema has if some object has a key twice.
    private static DataType withoutDoubles(DataType type) {
        return switch (type) {
            case StructType struct -> {
                List<String> names = new ArrayList<>();
                StructType once = new StructType();
                for (StructField field : struct.fields()) {
                    if (!names.contains(field.name())) {
                        names.add(field.name());
                        once = once.add(
                                field.name(), withoutDoubles(field.dataType()), field.nullable(), field.metadata());
                    }
                }
                yield once;
            }
            case ArrayType array -> new ArrayType(withoutDoubles(array.elementType()), array.containsNull());
            case MapType map -> new MapType(map.keyType(), withoutDoubles(map.valueType()), map.valueContainsNull());
            default -> type;
        };
    }

    @Override
    public RecordFormat with(StructType columns, Dataset<String> records) {
        return this;
    }

    @Override
    public Iterator<InputRecord> cut(InputStream file) {
        return new JsonRecords(file);
    }

    @Override
    public Parser parser(StructType read, boolean beginning) {
        Function<byte[], List<ParsedRow>> parser = reading().parser(read, StrictJsonParser::of);
        SparkRow empty = SparkRow.ofNulls(read.size());
        return record -> parse(parser, record, empty);
    }

    private static List<ParsedRecord> parse(
            Function<byte[], List<ParsedRow>> parser, InputRecord record, SparkRow empty) {
        byte[] json = record.bytes();
        if (record.problem() != null) {
            return List.of(new ParsedRecord(empty, record.problem()));
        }
        if (!UTF8String.fromBytes(json).isValid()) {
            return List.of(new ParsedRecord(
                    empty, "the line is not JSON: it is not UTF-8 at byte %d".formatted(firstMalformed(json))));
        }
        List<ParsedRecord> rows = new ArrayList<>();
        for (ParsedRow parsed : parser.apply(json)) {
            rows.add(new ParsedRecord(parsed.row(), parsed.failure() == null ? null : problem(parsed.failure())));
        }
        return rows;
    }

    private static String problem(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof JsonProcessingException syntax) {
                String where =
                        syntax.getLocation() == null || syntax.getLocation().getByteOffset() < 0
                                ? ""
                                : ", at byte %d".formatted(syntax.getLocation().getByteOffset());
                return "the line is not JSON: " + Quote.line(withoutSource(syntax.getOriginalMessage())) + where;
            }
        }
        return "the line is not a JSON object of the input's columns: " + Quote.line(Failures.firstLine(failure));
    }

    /// Removes the source from a message, because Jackson repeats the line where it says where an object began.
    private static String withoutSource(String message) {
        return message.replaceFirst("(?s) \\(start marker at .*", "");
    }

    private static int firstMalformed(byte[] bytes) {
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
        ByteBuffer input = ByteBuffer.wrap(bytes);
        CharBuffer output = CharBuffer.allocate(1 << 12);
        while (true) {
            CoderResult result = decoder.decode(input, output, true);
            if (!result.isOverflow()) {
                return input.position();
            }
            output.clear();
        }
    }
}
