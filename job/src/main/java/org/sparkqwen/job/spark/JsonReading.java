package org.sparkqwen.job.spark;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.json.JSONOptions;
import org.apache.spark.sql.catalyst.json.JSONOptionsInRead;
import org.apache.spark.sql.catalyst.json.JacksonParser;
import org.apache.spark.sql.catalyst.util.BadRecordException;
import org.apache.spark.sql.sources.Filter;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import scala.Function1;
import scala.Function2;
import scala.collection.Iterable;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/// How Spark's reader of JSON understands its options, and its parser.
public final class JsonReading {
    private static final Seq<Filter> NO_FILTERS =
            CollectionConverters.asScala(List.<Filter>of()).toSeq();

    private final JSONOptions options;

    /// @param options the options of Spark's reader
    /// @param timeZone the time zone of times without one
    /// @param corruptColumn the column for records with a problem
    public JsonReading(Map<String, String> options, String timeZone, String corruptColumn) {
        this.options = new JSONOptionsInRead(ScalaMaps.immutable(options), timeZone, corruptColumn);
    }

    public boolean multiLine() {
        return options.multiLine();
    }

    public Charset charset() {
        return options.encoding().isDefined()
                ? Charset.forName(options.encoding().get())
                : StandardCharsets.UTF_8;
    }

    /// Returns the name of the mode, such as `PERMISSIVE`.
    public String mode() {
        return options.parseMode().name();
    }

    /// Makes Jackson's parser of a record.
    public interface Tokens {
        JsonParser of(JsonFactory factory, byte[] json) throws IOException;
    }

    /// Returns a parser of records, for one thread. A record in UTF-8 becomes the rows that are in it.
    ///
    /// @param columns the columns to read
    public Function<byte[], List<ParsedRow>> parser(StructType columns, Tokens tokens) {
        JacksonParser parser = new JacksonParser(columns, options, true, NO_FILTERS);
        Function2<JsonFactory, byte[], JsonParser> create = (factory, bytes) -> {
            try {
                return tokens.of(factory, bytes);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        };
        return json -> parse(parser, json, create, columns.size());
    }

    private static List<ParsedRow> parse(
            JacksonParser parser, byte[] json, Function2<JsonFactory, byte[], JsonParser> create, int columns) {
        UTF8String text = UTF8String.fromBytes(json);
        Function1<byte[], UTF8String> literal = _ -> text;
        List<ParsedRow> rows = new ArrayList<>();
        try {
            Iterable<InternalRow> parsed = parser.parse(json, create, literal);
            CollectionConverters.asJava(parsed).forEach(row -> rows.add(new ParsedRow(new SparkRow(row), null)));
        } catch (Exception e) { // Spark throws a checked exception that it does not declare
            if (!(e instanceof BadRecordException bad)) {
                throw e;
            }
            for (InternalRow row : bad.partialResults().apply()) {
                rows.add(new ParsedRow(new SparkRow(row), bad.cause()));
            }
            if (rows.isEmpty()) {
                rows.add(new ParsedRow(SparkRow.ofNulls(columns), bad.cause()));
            }
        }
        return rows;
    }
}
