package org.sparkqwen.job.input;

import java.io.Serializable;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.input.record.InputRecord;
import org.sparkqwen.job.input.record.ParsedRecord;
import org.sparkqwen.job.input.record.RecordFormat;
import org.sparkqwen.job.spark.CurrentFile;
import org.sparkqwen.job.spark.FlatIterator;
import org.sparkqwen.job.spark.SparkRow;

/// The reading of a task: it cuts records, parses them, and adds the values of partition columns and the problem.
///
/// @param parsed the columns that the parser reads
/// @param corrupt the index, among the columns of a record, of the column for records with a problem; negative
///     if there is none
/// @param partitionValues the indexes of the partition columns that are read, in the scan's rows
/// @param scanned the types of the scan's rows
record RecordReading(
        RecordFormat format,
        RecordSource source,
        StructType parsed,
        int corrupt,
        List<Integer> partitionValues,
        StructType scanned)
        implements Serializable {
    Iterator<SparkRow> rows(Iterator<SparkRow> scan) {
        RecordFormat.Mode mode = format.mode();
        ParserOfSplit parserOfSplit = new ParserOfSplit(format, parsed);
        return new FlatIterator<>(scan, row -> {
            RecordFormat.Parser parser = parserOfSplit.get();
            SparkRow ofFile = partitionValues.isEmpty() ? row : row.copy();
            return new FlatIterator<>(
                    source.records(format, row),
                    record -> parser.parse(record).stream()
                            .filter(result -> keeps(mode, result))
                            .map(result -> row(result, record, ofFile))
                            .iterator());
        });
    }

    private static boolean keeps(RecordFormat.Mode mode, ParsedRecord result) {
        if (result.problem() != null && mode == RecordFormat.Mode.FAILFAST) {
            throw new IllegalStateException("%s, in %s, and the input is read with mode=FAILFAST"
                    .formatted(result.problem(), Origin.shortened(CurrentFile.path())));
        }
        return result.problem() == null || mode == RecordFormat.Mode.PERMISSIVE;
    }

    private SparkRow row(ParsedRecord result, InputRecord record, SparkRow ofFile) {
        int ofRecord = parsed.size() + (corrupt < 0 ? 0 : 1);
        @Nullable Object[] values = new @Nullable Object[ofRecord + partitionValues.size() + 1];
        int next = 0;
        for (int i = 0; i < ofRecord; i++) {
            if (i == corrupt) {
                values[i] = result.problem() == null ? null : UTF8String.fromBytes(record.bytes());
            } else {
                values[i] = result.row().get(next, parsed.apply(next).dataType());
                next++;
            }
        }
        for (int i = 0; i < partitionValues.size(); i++) {
            int column = partitionValues.get(i);
            values[ofRecord + i] = ofFile.get(column, scanned.apply(column).dataType());
        }
        values[values.length - 1] = result.problem() == null ? null : UTF8String.fromString(result.problem());
        return SparkRow.of(values);
    }

    /// The parser of a split. It is made at the first row, because only from then on a task knows where the split
    /// lies.
    private static final class ParserOfSplit {
        private final RecordFormat format;
        private final StructType parsed;
        private RecordFormat.@Nullable Parser made;

        ParserOfSplit(RecordFormat format, StructType parsed) {
            this.format = format;
            this.parsed = parsed;
        }

        RecordFormat.Parser get() {
            RecordFormat.Parser parser = made;
            if (parser == null) {
                parser = format.parser(parsed, CurrentFile.startsAtItsBeginning());
                made = parser;
            }
            return parser;
        }
    }
}
