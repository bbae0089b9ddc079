package org.sparkqwen.job.input;

import java.net.URI;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.sparkqwen.job.spark.FileScan;
import org.sparkqwen.job.spark.InternalRows;
import org.sparkqwen.job.spark.ParquetSchemas;
import org.sparkqwen.job.spark.RowNumber;

/// An input as Spark's own reader scans it, cut into splits of which any range of rows can be read.
///
/// Each partition of the scan is one split, see [FileScan]. Rows stay in Spark's internal form, so that every value
/// passes unchanged, including malformed strings.
///
/// An input that does not lie in files, or whose source does not name them, is one split.
public final class InputScan {
    /// The size of a split. It is small, because all rows of a split before a piece are read again to find the
    /// piece.
    static final String SPLIT_BYTES = "32m";

    /// The size of a split in bytes, as [#SPLIT_BYTES] has it for Spark.
    public static final long SPLIT = 32L << 20;

    private static final Set<String> NEVER_EMPTY = Set.of("parquet", "orc");

    static final InputFile NO_FILE = new InputFile(0, 0);

    /// The most tasks of a scan for each core. With a task for each of a million small files, the driver would take
    /// longer than the executors do for the files.
    private static final int TASKS_A_CORE = 4;

    /// The most tasks of a scan. Each of them tells the driver how much it has for every task that computes, and
    /// reading is a thousand times as fast as the model.
    static final int MOST_TASKS = 4096;

    private final SparkSession spark;
    private final Dataset<Row> rows;
    private final UnreadableFiles known;
    private final boolean alike;
    private final InternalRows scan;
    private final Map<Split, Integer> partitions = new HashMap<>();
    private final Map<String, InputFile> files = new TreeMap<>();

    /// @param size in bytes
    /// @param modified the time of modification, in milliseconds since 1970
    record InputFile(long size, long modified) {}

    public InputScan(Dataset<Row> rows) {
        this(rows, UnreadableFiles.NONE, false);
    }

    /// @param rows the rows as a reader gives them
    /// @param known the files that are already known to be unreadable
    /// @param alike whether all files are known to have the same columns, of the same types
    public InputScan(Dataset<Row> rows, UnreadableFiles known, boolean alike) {
        this.spark = rows.sparkSession();
        this.rows = rows;
        this.known = known;
        this.alike = alike;
        FileScan planned = FileScan.plan(rows, SPLIT_BYTES);
        scan = planned.rows();
        List<FileScan.FileSplit> splits = planned.splits();
        if (splits == null) {
            partitions.put(Split.WHOLE_SOURCE, 0);
            return;
        }
        for (int i = 0; i < splits.size(); i++) {
            FileScan.FileSplit split = splits.get(i);
            partitions.put(new Split(split.path(), split.start(), split.length()), i);
            files.put(split.path(), new InputFile(split.fileBytes(), split.modified()));
        }
    }

    /// Returns the columns of the rows.
    public StructType columns() {
        return rows.schema();
    }

    /// Returns a scan of the same splits that reads these columns alone.
    public InputScan only(Column... columns) {
        return new InputScan(rows.select(columns), known, alike);
    }

    /// Returns the splits in the order in which a run takes them.
    public Set<Split> splits() {
        return new TreeSet<>(partitions.keySet());
    }

    /// Returns the files by path.
    public Map<String, InputFile> files() {
        return files;
    }

    /// Returns empty files, which readers skip, although no Parquet or ORC file is empty.
    public UnreadableFiles emptyFiles(InputFormat input) {
        Map<String, String> empty = new TreeMap<>();
        boolean possible = !liesInFiles() || !NEVER_EMPTY.contains(input.name().toLowerCase(Locale.ROOT));
        for (String file : possible ? new String[0] : rows.inputFiles()) {
            String path = new Path(URI.create(file)).toString();
            if (!files.containsKey(path)) {
                empty.put(path, "it is empty");
            }
        }
        return new UnreadableFiles(empty);
    }

    public boolean liesInFiles() {
        return !partitions.containsKey(Split.WHOLE_SOURCE);
    }

    /// The row counts of splits, in the order in which they were asked for. A file with a split that cannot be read
    /// has none.
    public record Counted(Map<Split, Long> rows, UnreadableFiles unreadable) {}

    /// Counts the rows of splits. Parquet files have the counts in their footers; other formats are read.
    ///
    /// @param input what is read; Parquet files are unreadable, too, if they have columns of other types
    public Counted count(List<Split> splits, InputFormat input) {
        return count(splits, input, counting(input));
    }

    /// Returns the scan whose rows are counted. It plans all files, which for a million of them takes a while.
    ///
    /// @param input what is read
    public InputScan counting(InputFormat input) {
        return dependsOnColumns(input) || !liesInFiles() ? this : new InputScan(rows.select());
    }

    /// Counts the rows of splits, as [#count(List, InputFormat)] does, for a caller who does so several times.
    ///
    /// @param counting the scan whose rows are counted
    public Counted count(List<Split> splits, InputFormat input, InputScan counting) {
        if (!liesInFiles()) {
            return new Counted(Map.of(Split.WHOLE_SOURCE, rows.count()), UnreadableFiles.NONE);
        }
        List<Split> readable =
                splits.stream().filter(split -> !known.contains(split.path())).toList();
        Map<Split, SplitRows> counts = counting.read(readable, Long.MAX_VALUE);
        Map<String, String> unreadable = failures(counts);
        if (input.name().equalsIgnoreCase("parquet")) {
            unreadable.putAll(failures(read(differing(readable), 1)));
        }
        splits.forEach(split -> {
            if (known.contains(split.path())) {
                unreadable.put(split.path(), known.reasons().getOrDefault(split.path(), ""));
            }
        });
        Map<Split, Long> ordered = new LinkedHashMap<>();
        for (Split split : splits) {
            if (!unreadable.containsKey(split.path())) {
                ordered.put(split, Objects.requireNonNull(counts.get(split)).rows());
            }
        }
        return new Counted(ordered, new UnreadableFiles(unreadable));
    }

    /// Returns whether a reader of text drops or fails at lines that do not suit the columns it is to read.
    private static boolean dependsOnColumns(InputFormat input) {
        return input.options().entrySet().stream()
                .anyMatch(option -> option.getKey().equalsIgnoreCase("mode")
                        && !option.getValue().equalsIgnoreCase("PERMISSIVE"));
    }

    private static Map<String, String> failures(Map<Split, SplitRows> read) {
        Map<String, String> failures = new TreeMap<>();
        read.forEach((split, rows) -> {
            if (rows.failure() != null) {
                failures.put(split.path(), rows.failure());
            }
        });
        return failures;
    }

    /// Reads and counts rows of splits.
    ///
    /// @param most the most rows to read of each split
    private Map<Split, SplitRows> read(List<Split> splits, long most) {
        List<Split> byPartition = byPartition(splits);
        Map<Split, SplitRows> counts = new HashMap<>();
        narrowed(splits)
                .values((index, iterator) ->
                        List.of(SplitRows.count(index, iterator, most)).iterator())
                .coalesce(tasks(spark))
                .collect()
                .forEach(count -> counts.put(byPartition.get(count.partition()), count));
        return counts;
    }

    /// Returns a split of each Parquet file that has columns of other types than this scan.
    private List<Split> differing(List<Split> splits) {
        Map<String, Split> byPath = new TreeMap<>();
        splits.forEach(split -> byPath.putIfAbsent(split.path(), split));
        ParquetTypes types = new ParquetTypes(
                rows.schema(),
                ParquetSchemas.of(spark),
                new SerializableConfiguration(spark.sessionState().newHadoopConf()));
        List<String> paths = List.copyOf(byPath.keySet());
        if (alike && !paths.isEmpty() && !types.differ(paths.getFirst())) {
            return List.of(); // the footers of a million files were read once, and need not be read again
        }
        return JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelize(paths, Math.clamp(paths.size(), 1, tasks(spark)))
                .filter(types::differ)
                .collect()
                .stream()
                .map(path -> Objects.requireNonNull(byPath.get(path)))
                .toList();
    }

    /// Reads the rows of these pieces, at most one piece of each split, with their numbers. Rows of a source
    /// without files have no numbers.
    public Dataset<Row> read(List<Piece> pieces) {
        if (!liesInFiles()) {
            return rows;
        }
        Map<Split, Piece> bySplit = new HashMap<>();
        pieces.forEach(piece -> bySplit.put(piece.split(), piece));
        List<Piece> byPartition = new ArrayList<>();
        byPartition(List.copyOf(bySplit.keySet())).forEach(split -> byPartition.add(bySplit.get(split)));
        return narrowed(bySplit.keySet())
                .map((index, all) -> byPartition.get(index).numbered(all))
                .inTasks(tasks(spark))
                .dataset(spark, RowNumber.addTo(rows.schema()));
    }

    /// Returns only the partitions of these splits, in the order of [#byPartition].
    private InternalRows narrowed(Iterable<Split> splits) {
        Set<Integer> wanted = new HashSet<>();
        splits.forEach(split -> wanted.add(partitions.get(split)));
        return scan.only(wanted);
    }

    private List<Split> byPartition(List<Split> splits) {
        return splits.stream().sorted(Comparator.comparing(partitions::get)).toList();
    }

    static int tasks(SparkSession spark) {
        return tasks(spark.sparkContext().defaultParallelism());
    }

    /// Returns the most tasks that read an interval.
    ///
    /// @param cores the cores of the cluster
    public static int tasks(int cores) {
        return Math.min(MOST_TASKS, TASKS_A_CORE * cores);
    }
}
