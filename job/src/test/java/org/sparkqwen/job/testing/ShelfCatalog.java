package org.sparkqwen.job.testing;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.analysis.NoSuchTableException;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.connector.catalog.Column;
import org.apache.spark.sql.connector.catalog.Identifier;
import org.apache.spark.sql.connector.catalog.SupportsRead;
import org.apache.spark.sql.connector.catalog.Table;
import org.apache.spark.sql.connector.catalog.TableCapability;
import org.apache.spark.sql.connector.catalog.TableCatalog;
import org.apache.spark.sql.connector.catalog.TableChange;
import org.apache.spark.sql.connector.read.Batch;
import org.apache.spark.sql.connector.read.InputPartition;
import org.apache.spark.sql.connector.read.PartitionReader;
import org.apache.spark.sql.connector.read.PartitionReaderFactory;
import org.apache.spark.sql.connector.read.Scan;
import org.apache.spark.sql.connector.read.ScanBuilder;
import org.apache.spark.sql.connector.read.SupportsPushDownRequiredColumns;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;
import org.apache.spark.unsafe.types.UTF8String;

/// A catalog beside Spark's own, whose only table `library.books` is not made of files and has another order at each
/// reading, as a database may. It counts the rows that are read, in this JVM.
public final class ShelfCatalog implements TableCatalog {
    private static final StructType BOOKS = new StructType()
            .add("id", DataTypes.LongType)
            .add("text", DataTypes.StringType)
            .add("shelf_mark", DataTypes.LongType);

    private static final AtomicLong ROWS = new AtomicLong();
    private static final AtomicLong ROWS_READ = new AtomicLong();
    private static final AtomicInteger READINGS = new AtomicInteger();
    private static final Set<String> COLUMNS_READ = new ConcurrentSkipListSet<>();

    private String name = "";

    /// Gives the table rows with the ids from 0 on, and forgets what was read.
    public static void fill(long rows) {
        ROWS.set(rows);
        ROWS_READ.set(0);
        COLUMNS_READ.clear();
    }

    public static long rowsRead() {
        return ROWS_READ.get();
    }

    public static Set<String> columnsRead() {
        return new TreeSet<>(COLUMNS_READ);
    }

    @Override
    public void initialize(String name, CaseInsensitiveStringMap options) {
        this.name = name;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Identifier[] listTables(String[] namespace) {
        return new Identifier[] {Identifier.of(new String[] {"library"}, "books")};
    }

    @Override
    public Table loadTable(Identifier table) throws NoSuchTableException {
        if (!List.of(listTables(table.namespace())).contains(table)) {
            throw new NoSuchTableException(table);
        }
        return new Books();
    }

    @Override
    public Table alterTable(Identifier table, TableChange... changes) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean dropTable(Identifier table) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void renameTable(Identifier from, Identifier to) {
        throw new UnsupportedOperationException();
    }

    private record Books() implements SupportsRead {
        @Override
        public String name() {
            return "library.books";
        }

        @Override
        public Column[] columns() {
            return Arrays.stream(BOOKS.fields())
                    .map(field -> Column.create(field.name(), field.dataType(), field.nullable()))
                    .toArray(Column[]::new);
        }

        @Override
        public Set<TableCapability> capabilities() {
            return Set.of(TableCapability.BATCH_READ);
        }

        @Override
        public ScanBuilder newScanBuilder(CaseInsensitiveStringMap options) {
            return new Reading();
        }
    }

    /// A reading of some columns, from its plan to its partitions.
    private static final class Reading implements SupportsPushDownRequiredColumns, Scan, Batch {
        private StructType columns = BOOKS;

        @Override
        public void pruneColumns(StructType required) {
            columns = required;
        }

        @Override
        public Scan build() {
            return this;
        }

        @Override
        public StructType readSchema() {
            return columns;
        }

        @Override
        public Batch toBatch() {
            return this;
        }

        @Override
        public InputPartition[] planInputPartitions() {
            long middle = ROWS.get() / 2;
            Range low = new Range(0, middle, columns);
            Range high = new Range(middle, ROWS.get(), columns);
            return READINGS.getAndIncrement() % 2 == 0
                    ? new InputPartition[] {low, high}
                    : new InputPartition[] {high, low};
        }

        @Override
        public PartitionReaderFactory createReaderFactory() {
            return partition -> new RangeReader((Range) partition);
        }
    }

    private record Range(long from, long to, StructType columns) implements InputPartition {}

    private static final class RangeReader implements PartitionReader<InternalRow> {
        private final Range range;
        private long id;

        RangeReader(Range range) {
            this.range = range;
            id = range.from() - 1;
            COLUMNS_READ.addAll(List.of(range.columns().fieldNames()));
        }

        @Override
        public boolean next() {
            return ++id < range.to();
        }

        @Override
        public InternalRow get() {
            ROWS_READ.incrementAndGet();
            return new GenericInternalRow(Arrays.stream(range.columns().fieldNames())
                    .map(column -> column.equals("text") ? UTF8String.fromString("Call me Ishmael.") : (Object) id)
                    .toArray());
        }

        @Override
        public void close() {}
    }
}
