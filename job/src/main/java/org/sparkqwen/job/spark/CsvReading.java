package org.sparkqwen.job.spark;

import com.univocity.parsers.csv.CsvParser;
import java.nio.charset.Charset;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.csv.CSVOptions;
import org.apache.spark.sql.catalyst.csv.UnivocityParser;
import org.apache.spark.sql.catalyst.util.BadRecordException;
import org.apache.spark.sql.types.StructType;
import scala.Option;

/// How Spark's reader of CSV understands its options, and its parser.
public final class CsvReading {
    private final CSVOptions options;

    /// @param options the options of Spark's reader
    /// @param timeZone the time zone of times without one
    /// @param corruptColumn the column for records with a problem
    public CsvReading(Map<String, String> options, String timeZone, String corruptColumn) {
        this.options = new CSVOptions(ScalaMaps.immutable(options), false, timeZone, corruptColumn);
    }

    public boolean multiLine() {
        return options.multiLine();
    }

    public Charset charset() {
        return Charset.forName(options.charset());
    }

    /// Returns the name of the mode, such as `PERMISSIVE`.
    public String mode() {
        return options.parseMode().name();
    }

    public boolean hasHeader() {
        return options.headerFlag();
    }

    public String delimiter() {
        return options.delimiter();
    }

    public char quote() {
        return options.quote();
    }

    public char escape() {
        return options.escape();
    }

    /// Returns what ends a record; empty if any line break does.
    public Optional<String> lineSeparator() {
        Option<String> given = options.lineSeparator();
        return given.isDefined() ? Optional.of(given.get()) : Optional.empty();
    }

    public boolean ignoresLeadingWhiteSpace() {
        return options.ignoreLeadingWhiteSpaceInRead();
    }

    /// Returns whether a line that begins with this byte is a comment.
    public boolean beginsComment(byte first) {
        return options.isCommentSet() && first == options.comment();
    }

    /// Returns a parser that divides a record into its fields.
    public CsvParser tokenizer() {
        return new CsvParser(options.asParserSettings());
    }

    /// Returns a parser of records, for one thread.
    ///
    /// @param columns the columns of a record
    /// @param read the columns to read
    public Function<String, ParsedRow> parser(StructType columns, StructType read) {
        UnivocityParser parser = new UnivocityParser(columns, read, options);
        return text -> parse(parser, text, read.size());
    }

    private static ParsedRow parse(UnivocityParser parser, String text, int columns) {
        try {
            Option<InternalRow> row = parser.parse().apply(text);
            return new ParsedRow(row.isDefined() ? new SparkRow(row.get()) : SparkRow.ofNulls(columns), null);
        } catch (Exception e) { // Spark throws a checked exception that it does not declare
            if (!(e instanceof BadRecordException bad)) {
                throw e;
            }
            InternalRow[] partial = bad.partialResults().apply();
            return new ParsedRow(
                    partial.length == 0 ? SparkRow.ofNulls(columns) : new SparkRow(partial[0]), bad.cause());
        }
    }
}
