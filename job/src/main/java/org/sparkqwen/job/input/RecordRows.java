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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.apache.commons.io.input.ReaderInputStream;
import org.apache.hadoop.fs.Path;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.util.SerializableConfiguration;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.input.record.InputRecord;
import org.sparkqwen.job.input.record.ParsedRecord;
import org.sparkqwen.job.input.record.RecordFormat;
import org.sparkqwen.job.spark.CurrentFile;
import org.sparkqwen.job.spark.FileScan;
import org.sparkqwen.job.spark.FlatIterator;
import org.sparkqwen.job.spark.PlainFiles;
import org.sparkqwen.job.spark.SparkRow;

/// The rows of text files in a [RecordFormat]. Spark finds and divides the files, as for any format, and its parsers
/// make the values. Between these steps, records are cut and checked here.
///
/// Each partition is a split, as [InputScan] requires.
final class RecordRows implements InputRows {
    private final SparkSession spark;
    private final RecordFormat format;
    private final FileScan files;
    private final StructType columns;
    private final StructType scanned;
    private final SerializableConfiguration hadoop;

    private RecordRows(
            SparkSession spark,
            RecordFormat format,
            FileScan files,
            StructType columns,
            StructType scanned,
            SerializableConfiguration hadoop) {
        this.spark = spark;
        this.format = format;
        this.files = files;
        this.columns = columns;
        this.scanned = scanned;
        this.hadoop = hadoop;
    }

    /// Text files before their columns are known.
    static final class Unopened {
        private final RecordRows rows;

        private Unopened(RecordRows rows) {
            this.rows = rows;
        }

        /// Finds the columns.
        ///
        /// @param without files that are not looked at
        RecordRows open(Set<String> without) {
            Dataset<String> records = rows.records(without);
            StructType columns = rows.format.infer(records);
            return new RecordRows(
                    rows.spark, rows.format.with(columns, records), rows.files, columns, rows.scanned, rows.hadoop);
        }

        /// Returns the files that cannot be cut into records, such as half of a gzip file, with the reasons.
        Map<String, String> failures() {
            Source source = new Source(rows.hadoop);
            List<FileScan.FileSplit> splits = rows.splits();
            RecordFormat format = rows.format;
            Map<String, String> failures = new TreeMap<>();
            rows.files
                    .rows()
                    .values((index, scan) -> List.of(SplitRows.count(
                                    index,
                                    new FlatIterator<>(scan, row -> source.records(format, row)),
                                    Long.MAX_VALUE))
                            .iterator())
                    .coalesce(InputScan.tasks(rows.spark))
                    .collect()
                    .forEach(split -> {
                        if (split.failure() != null) {
                            failures.put(splits.get(split.partition()).path(), split.failure());
                        }
                    });
            return failures;
        }
    }

    /// @param files Spark's scan of lines, or of files where a record may have several lines. Its first column has
    ///     the lines or the files' paths, and the others have the values of partition columns.
    static Unopened of(Dataset<Row> files, RecordFormat format) {
        SparkSession spark = files.sparkSession();
        return new Unopened(new RecordRows(
                spark,
                format,
                FileScan.plan(files, InputScan.SPLIT_BYTES),
                new StructType(),
                files.schema(),
                new SerializableConfiguration(spark.sessionState().newHadoopConf())));
    }

    /// Returns the columns of a record.
    StructType columns() {
        return columns;
    }

    @Override
    public Dataset<Row> all() {
        return rows(whole());
    }

    /// Returns only these columns, with the problem if it is among them.
    @Override
    public Dataset<Row> only(Column... wanted) {
        StructType selected = all().select(wanted).schema();
        return rows(RowProblem.without(selected)).select(wanted);
    }

    private StructType whole() {
        StructType whole = columns;
        for (StructField field : partitionColumns().fields()) {
            whole = whole.add(field);
        }
        return whole;
    }

    /// @param read the columns to read, of records and of partitions
    private Dataset<Row> rows(StructType read) {
        StructType ofRecord = among(columns, read);
        StructType parsed = new StructType(Arrays.stream(ofRecord.fields())
                .filter(field -> !field.name().equals(format.corruptColumn()))
                .toArray(StructField[]::new));
        StructType schema = ofRecord;
        List<Integer> ofPartition = new ArrayList<>();
        for (StructField field : among(partitionColumns(), read).fields()) {
            schema = schema.add(field);
            ofPartition.add(scanned.fieldIndex(field.name()));
        }
        Reading reading = new Reading(format, new Source(hadoop), parsed, corruptIndex(ofRecord), ofPartition, scanned);
        return files.rows().map((_, scan) -> reading.rows(scan)).dataset(spark, RowProblem.addTo(schema));
    }

    private StructType partitionColumns() {
        return new StructType(Arrays.copyOfRange(scanned.fields(), 1, scanned.size()));
    }

    private int corruptIndex(StructType schema) {
        return Arrays.asList(schema.fieldNames()).indexOf(format.corruptColumn());
    }

    private static StructType among(StructType all, StructType wanted) {
        Set<String> names = Set.of(wanted.fieldNames());
        return new StructType(Arrays.stream(all.fields())
                .filter(field -> names.contains(field.name()))
                .toArray(StructField[]::new));
    }

    /// Returns all records as strings, from which columns are found.
    private Dataset<String> records(Set<String> without) {
        Source source = new Source(hadoop);
        RecordFormat cut = format; // a local copy, so that tasks do not get this object
        Set<Integer> skipped = new HashSet<>();
        List<FileScan.FileSplit> splits = splits();
        for (int i = 0; i < splits.size() && !without.isEmpty(); i++) {
            if (without.contains(splits.get(i).path())) {
                skipped.add(i);
            }
        }
        RDD<String> texts = files.rows()
                .<String>values((index, rows) -> skipped.contains(index)
                        ? Collections.emptyIterator()
                        : new FlatIterator<>(rows, row -> texts(source.records(cut, row))))
                .coalesce(InputScan.tasks(spark))
                .rdd();
        return spark.createDataset(texts, Encoders.STRING()).filter("value != ''");
    }

    private static Iterator<String> texts(Iterator<InputRecord> records) {
        return new FlatIterator<>(
                records,
                record -> List.of(new String(record.bytes(), StandardCharsets.UTF_8))
                        .iterator());
    }

    private List<FileScan.FileSplit> splits() {
        return Objects.requireNonNull(files.splits(), "the input's files are not one a partition");
    }

    /// The source from which a task gets its records.
    private record Source(SerializableConfiguration hadoop) implements Serializable {

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
                String text =
                        charset.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
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

    /// What a task reads.
    ///
    /// @param parsed the columns that the parser reads
    /// @param corrupt the index, among the columns of a record, of the column for records with a problem; negative
    ///     if there is none
    /// @param partitionValues the indexes of the partition columns that are read, in the scan's rows
    /// @param scanned the types of the scan's rows
    private record Reading(
            RecordFormat format,
            Source source,
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
    }
}
