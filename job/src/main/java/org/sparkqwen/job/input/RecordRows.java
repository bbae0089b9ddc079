package org.sparkqwen.job.input;

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
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.input.record.InputRecord;
import org.sparkqwen.job.input.record.RecordFormat;
import org.sparkqwen.job.spark.FileScan;
import org.sparkqwen.job.spark.FlatIterator;

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
            RecordSource source = new RecordSource(rows.hadoop);
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
        RecordReading reading = new RecordReading(
                format, new RecordSource(hadoop), parsed, corruptIndex(ofRecord), ofPartition, scanned);
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
        RecordSource source = new RecordSource(hadoop);
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
}
