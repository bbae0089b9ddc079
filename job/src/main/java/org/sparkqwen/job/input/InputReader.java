package org.sparkqwen.job.input;

import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.input.record.CsvFormat;
import org.sparkqwen.job.input.record.FileContents;
import org.sparkqwen.job.input.record.JsonFormat;
import org.sparkqwen.job.input.record.RecordFormat;
import org.sparkqwen.job.spark.SessionCopy;
import scala.Tuple2;

/// Opens the input of a run. It finds the input's files and columns, and refuses or reports what would be read
/// differently from what is there. See docs/input.md.
public final class InputReader {
    /// The formats that Spark reads from files below the paths it is given.
    private static final Set<String> FILE_FORMATS =
            Set.of("parquet", "orc", "json", "csv", "text", "avro", "xml", "binaryfile");

    private static final Set<String> TEXT_FORMATS = Set.of("json", "csv", "text");

    /// The formats of files whose names end so.
    private static final Map<String, String> FORMATS_BY_ENDING = Map.of(
            "parquet", "parquet", "orc", "orc", "json", "json", "jsonl", "json", "ndjson", "json", "csv", "csv", "txt",
            "text", "avro", "avro");

    /// The ending of a file's name, before that of a compression.
    private static final Pattern ENDING = Pattern.compile("\\.([a-z]+)(?:\\.(?:gz|bz2|zst|snappy|deflate|lz4))?$");

    /// The options with which the user leaves out files.
    private static final List<String> FILTERS = List.of("pathGlobFilter", "modifiedBefore", "modifiedAfter");

    private final SparkSession spark;
    private final InputFormat input;
    private final String output;
    private final Warnings warnings;
    private final String format;
    private UnreadableFiles unreadable = UnreadableFiles.NONE;
    private boolean alike;

    /// @param output the run's output, which must not lie among what is read
    public InputReader(SparkSession spark, InputFormat input, String output, Warnings warnings) {
        this.spark = spark;
        this.input = input;
        this.output = output;
        this.warnings = warnings;
        format = input.name().toLowerCase(Locale.ROOT);
    }

    /// Returns the files that are left out because they do not have the expected format.
    public UnreadableFiles unreadable() {
        return unreadable;
    }

    /// Returns whether all files are known to have the same columns, of the same types.
    public boolean areAlike() {
        return alike;
    }

    /// @throws Refusal if the input cannot be read, or only in part
    public InputRows open() {
        if (input.isTable()) {
            return InputRows.of(new InputTable(spark, input).open());
        }
        Configuration hadoop = spark.sessionState().newHadoopConf();
        if (!FILE_FORMATS.contains(format)) {
            InputPaths.expand(input.paths(), hadoop); // refuses what does not exist
            return InputRows.of(ofOtherSource());
        }
        boolean recursive =
                input.option("recursiveFileLookup").map(Boolean::valueOf).orElse(false);
        boolean based = input.option("basePath").isPresent();
        InputPaths paths = InputPaths.of(input.paths(), hadoop, recursive, based, warnings);
        refuseOutputWithin(paths, hadoop);
        if (TEXT_FORMATS.contains(format)) {
            refuseWithoutBytes(paths);
            unreadable = wrongContents(paths, hadoop);
            refuseOrLeaveOut(unreadable, paths);
        }
        Optional<RecordFormat> records = recordFormat();
        return records.isPresent() ? records(records.get(), paths) : plain(paths);
    }

    private Dataset<Row> ofOtherSource() {
        try {
            return reader().load(input.paths().toArray(String[]::new));
        } catch (Exception e) { // Spark throws checked exceptions that it does not declare
            String meant = FORMATS_BY_ENDING.get(format);
            if (meant != null) {
                throw Refusal.usage("there is no --input-format %s; did you mean %s?".formatted(input.name(), meant));
            }
            throw e;
        }
    }

    /// Asks whether the format is right, and says which one the names of the files tell, if they tell another one.
    private String question(InputPaths paths) {
        Set<String> told = new HashSet<>();
        for (String file : paths.files().keySet()) {
            Matcher ending = ENDING.matcher(file.toLowerCase(Locale.ROOT));
            told.add(ending.find() ? FORMATS_BY_ENDING.getOrDefault(ending.group(1), format) : format);
        }
        String other = told.size() == 1 && !told.contains(format)
                ? ", and not " + told.iterator().next()
                : "";
        return "Is --input-format %s right%s?".formatted(input.name(), other);
    }

    /// Refuses an output within the input. All files below a directory are read, and the next start would read what
    /// this one writes.
    private void refuseOutputWithin(InputPaths paths, Configuration hadoop) {
        Path written = InputPaths.qualified(new Path(output), hadoop);
        InputPaths.ancestors(written)
                .filter(paths.roots()::contains)
                .findFirst()
                .ifPresent(within -> {
                    throw Refusal.usage(
                            "--output %s lies in --input %s, whose files are all read; choose another --output"
                                    .formatted(Quote.of(output), Quote.of(Origin.shortened(within.toString()))));
                });
    }

    private static void refuseWithoutBytes(InputPaths paths) {
        if (paths.files().values().stream().allMatch(size -> size == 0)) {
            throw Refusal.usage("--input has no bytes: %s"
                    .formatted(
                            paths.files().size() == 1
                                    ? Quote.of(Origin.shortened(paths.files()
                                                    .keySet()
                                                    .iterator()
                                                    .next())) + " is empty"
                                    : "all %,d files are empty"
                                            .formatted(paths.files().size())));
        }
    }

    private UnreadableFiles wrongContents(InputPaths paths, Configuration hadoop) {
        boolean multiLine = input.option("multiLine").map(Boolean::valueOf).orElse(false);
        boolean encoded =
                input.option("encoding").isPresent() || input.option("charset").isPresent();
        FileContents contents =
                new FileContents(format.equals("json") && !multiLine, new SerializableConfiguration(hadoop));
        List<String> files = paths.files().entrySet().stream()
                .filter(file -> file.getValue() > 0)
                .map(Map.Entry::getKey)
                .toList();
        Map<String, String> wrong = new TreeMap<>();
        JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelize(files, Math.clamp(files.size(), 1, tasks()))
                .flatMap(file -> contents.wrong(file, encoded).map(reason -> new Tuple2<>(file, reason)).stream()
                        .iterator())
                .collect()
                .forEach(file -> wrong.put(file._1(), file._2()));
        return new UnreadableFiles(wrong);
    }

    private void refuseOrLeaveOut(UnreadableFiles wrong, InputPaths paths) {
        if (wrong.isEmpty()) {
            return;
        }
        if (wrong.reasons().size() == paths.files().size()) {
            throw Refusal.failure("%s. %s".formatted(wrong, question(paths)));
        }
        if (!input.leavesOutUnreadable()) {
            throw wrong.refusal();
        }
    }

    /// Returns the format, if its records are cut and checked here. With options that have another meaning for
    /// Spark's own reader, Spark's reader is used.
    private Optional<RecordFormat> recordFormat() {
        if (input.option("singleVariantColumn").isPresent()
                || input.option("allowComments").map(Boolean::valueOf).orElse(false)) {
            return Optional.empty();
        }
        SQLConf conf = spark.sessionState().conf();
        String corrupt = input.option("columnNameOfCorruptRecord").orElse(conf.columnNameOfCorruptRecord());
        Map<String, String> given = Map.copyOf(input.options());
        return switch (format) {
            case "json" -> Optional.of(new JsonFormat(given, conf.sessionLocalTimeZone(), corrupt));
            case "csv" -> Optional.of(new CsvFormat(given, conf.sessionLocalTimeZone(), corrupt));
            default -> Optional.empty();
        };
    }

    private InputRows records(RecordFormat records, InputPaths paths) {
        Dataset<Row> files = records.multiLine()
                ? withPartitions("path", reader("binaryFile", paths).load(roots(paths)))
                : reader("text", paths).option("wholetext", false).load(roots(paths));
        refuseLeftOut(files, paths);
        RecordRows.Unopened unopened = RecordRows.of(files, records);
        RecordRows rows;
        try {
            rows = unopened.open(unreadable.reasons().keySet());
        } catch (Exception e) { // Spark throws checked exceptions that it does not declare
            unreadable = unreadable.and(new UnreadableFiles(unopened.failures()));
            if (unreadable.isEmpty()) {
                throw unreadable(e, paths);
            }
            refuseOrLeaveOut(unreadable, paths);
            rows = unopened.open(unreadable.reasons().keySet());
        }
        if (Arrays.equals(rows.columns().fieldNames(), new String[] {records.corruptColumn()})) {
            throw Refusal.failure("the input cannot be read as %s: no line of it is %s. %s"
                    .formatted(input.name(), input.name().toUpperCase(Locale.ROOT), question(paths)));
        }
        refuseTwins(rows.columns(), "");
        return rows;
    }

    /// Selects the path, and the partition columns that directories give.
    private static Dataset<Row> withPartitions(String path, Dataset<Row> files) {
        Set<String> own = Set.of("modificationTime", "length", "content");
        List<Column> columns = new ArrayList<>(List.of(functions.col(path)));
        for (StructField field : files.schema().fields()) {
            if (!field.name().equals(path) && !own.contains(field.name())) {
                columns.add(ContentColumn.column(field.name()));
            }
        }
        return files.select(columns.toArray(Column[]::new));
    }

    private InputRows plain(InputPaths paths) {
        Dataset<Row> rows = format.equals("parquet") ? parquet(paths) : loadOthers(paths);
        refuseLeftOut(rows, paths);
        return InputRows.of(rows);
    }

    private Dataset<Row> parquet(InputPaths paths) {
        ParquetColumns found = ParquetColumns.of(spark, paths.files().keySet(), tasks());
        alike = found.areThoseOfAll(paths.files().size());
        Dataset<Row> rows = found.hasUnreadable() && input.option("mergeSchema").isEmpty()
                ? reader(format, paths).schema(found.schema()).load(roots(paths))
                : loadOthers(paths);
        if (!input.option("mergeSchema").map(Boolean::valueOf).orElse(false)) {
            warnings.addAll(found.differences(rows.schema()));
        }
        return rows;
    }

    /// Loads the input with the schema that Spark finds in the readable files.
    private Dataset<Row> loadOthers(InputPaths paths) {
        try {
            return reader(format, paths).load(roots(paths));
        } catch (Refusal e) {
            throw e;
        } catch (Exception e) { // Spark throws checked exceptions that it does not declare
            refuseTwins(paths, e);
            InputScan scan = new InputScan(reader(format, paths)
                    .schema(new StructType().add("value", DataTypes.StringType))
                    .load(roots(paths))
                    .select());
            UnreadableFiles found = scan.liesInFiles()
                    ? scan.count(List.copyOf(scan.splits()), input).unreadable().and(scan.emptyFiles(input))
                    : UnreadableFiles.NONE;
            String[] others = scan.files().keySet().stream()
                    .filter(path -> !found.contains(path))
                    .toArray(String[]::new);
            if (found.isEmpty()) {
                throw unreadable(e, paths);
            }
            if (others.length == 0) {
                throw Refusal.failure("%s. %s".formatted(found, question(paths)));
            }
            if (!input.leavesOutUnreadable()) {
                throw found.refusal();
            }
            StructType schema = reader(format, paths).load(others).schema();
            return reader(format, paths).schema(schema).load(roots(paths));
        }
    }

    private Refusal unreadable(Exception e, InputPaths paths) {
        return Refusal.failure("the input cannot be read as %s: %s. %s"
                .formatted(input.name(), Failures.firstLine(e), question(paths)));
    }

    private DataFrameReader reader() {
        return spark.read().format(input.name()).options(input.options());
    }

    /// Returns a reader of files that are named one by one or by directory, and not by globs.
    private DataFrameReader reader(String format, InputPaths paths) {
        return reader(spark, format, paths);
    }

    private DataFrameReader reader(SparkSession session, String format, InputPaths paths) {
        DataFrameReader reader =
                session.read().format(format).options(input.options()).option("__globPaths__", false);
        return paths.nested() ? reader.option("recursiveFileLookup", true) : reader;
    }

    private static String[] roots(InputPaths paths) {
        return paths.roots().stream().map(Path::toString).toArray(String[]::new);
    }

    /// Refuses files that Spark leaves out. Spark lists files by itself, so they have to be looked for.
    private void refuseLeftOut(Dataset<Row> rows, InputPaths paths) {
        if (FILTERS.stream().anyMatch(filter -> input.option(filter).isPresent())) {
            return;
        }
        Set<String> found = new HashSet<>();
        for (String file : rows.inputFiles()) {
            found.add(new Path(URI.create(file)).toString());
        }
        paths.files().forEach((file, size) -> {
            if (size > 0 && !found.contains(file)) {
                throw Refusal.failure(("Spark leaves out %s, which --input covers; move it, or read all files without"
                                + " partition columns by --input-option recursiveFileLookup=true")
                        .formatted(Quote.of(Origin.shortened(file))));
            }
        });
    }

    /// Refuses columns that differ only by case, if they are the reason why the input cannot be opened.
    private void refuseTwins(InputPaths paths, Exception e) {
        if (!(e instanceof AnalysisException analysis)
                || !"COLUMN_ALREADY_EXISTS".equals(String.valueOf(analysis.getCondition()))) {
            return;
        }
        SparkSession caseSensitive =
                SessionCopy.with(spark, Map.of(SQLConf.CASE_SENSITIVE().key(), "true"));
        refuseTwins(reader(caseSensitive, format, paths).load(roots(paths)).schema(), "");
    }

    private void refuseTwins(DataType type, String within) {
        if (spark.sessionState().conf().caseSensitiveAnalysis()) {
            return;
        }
        if (type instanceof ArrayType array) {
            refuseTwins(array.elementType(), within);
        }
        if (!(type instanceof StructType struct)) {
            return;
        }
        Map<String, String> byName = new HashMap<>();
        for (StructField field : struct.fields()) {
            String other = byName.put(field.name().toLowerCase(Locale.ROOT), field.name());
            if (other != null) {
                throw Refusal.usage(
                        ("the input's columns '%s' and '%s' differ by case only; --conf spark.sql.caseSensitive=true"
                                        + " keeps them apart")
                                .formatted(Quote.of(within + other), Quote.of(within + field.name())));
            }
            refuseTwins(field.dataType(), within + field.name() + ".");
        }
    }

    private int tasks() {
        return InputScan.tasks(spark);
    }
}
