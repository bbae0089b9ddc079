package org.sparkqwen.job.spark;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.TableIdentifier;
import org.apache.spark.sql.catalyst.analysis.NoSuchNamespaceException;
import org.apache.spark.sql.catalyst.analysis.NoSuchTableException;
import org.apache.spark.sql.catalyst.catalog.CatalogTable;
import org.apache.spark.sql.catalyst.catalog.SessionCatalog;
import org.apache.spark.sql.catalyst.parser.ParseException;
import org.apache.spark.sql.catalyst.parser.ParserInterface;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.message.Quote;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;

/// A table of Spark's session catalog, which may not exist yet. The rows of such a table are files in a directory.
public final class SessionTable {
    private static final String SESSION_CATALOG = "spark_catalog";
    private static final String CATALOGS = "spark.sql.catalog.";
    private static final String IN_MEMORY = "in-memory";

    private final SparkSession spark;
    private final TableIdentifier identifier;

    private SessionTable(SparkSession spark, TableIdentifier identifier) {
        this.spark = spark;
        this.identifier = identifier;
    }

    /// Says that a name means something else than a table of the session catalog. The message says what, and
    /// follows the name.
    public static final class OtherMeaning extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private OtherMeaning(String message) {
            super(message);
        }

        private OtherMeaning(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /// An entry of the catalog.
    ///
    /// @param location the directory of the rows, as Hadoop writes it
    /// @param format the format's name, such as `parquet`
    /// @param isDivided whether the rows are divided into directories or buckets by their values
    /// @param options the options of its readers
    public record Entry(
            String location, String format, boolean isDivided, StructType columns, Map<String, String> options) {}

    /// Finds the table that a name means.
    ///
    /// @param name a name as in SQL, such as `scores`, `library.scores` or `spark_catalog.library.scores`
    /// @throws OtherMeaning if the name means something else
    public static SessionTable of(SparkSession spark, String name) {
        List<String> parts = parts(spark.sessionState().sqlParser(), name);
        Option<String> replaced = spark.conf().getOption(CATALOGS + SESSION_CATALOG);
        if (replaced.isDefined() && !replaced.get().equals("builtin")) {
            throw new OtherMeaning("is in a catalog that replaces Spark's own (%s)".formatted(replaced.get()));
        }
        String catalog = parts.size() <= 2 ? spark.catalog().currentCatalog() : SESSION_CATALOG;
        if (parts.size() > 2) {
            catalog = parts.removeFirst();
        } else if (parts.size() == 2 && isOtherCatalog(spark, parts.getFirst())) {
            catalog = parts.getFirst();
        }
        if (!catalog.equalsIgnoreCase(SESSION_CATALOG) || parts.size() > 2) {
            throw new OtherMeaning("is in the catalog %s".formatted(Quote.of(catalog)));
        }
        SessionCatalog tables = spark.sessionState().catalog();
        if (parts.size() == 2 && !tables.databaseExists(parts.getFirst())) {
            throw new OtherMeaning("is in a database that does not exist");
        }
        TableIdentifier identifier =
                new TableIdentifier(parts.getLast(), Option.apply(parts.size() == 2 ? parts.getFirst() : null));
        if (tables.isTempView(identifier)) {
            throw new OtherMeaning("is a view");
        }
        return new SessionTable(spark, tables.qualifyIdentifier(identifier));
    }

    private static List<String> parts(ParserInterface parser, String name) {
        try {
            return new ArrayList<>(CollectionConverters.asJava(parser.parseMultipartIdentifier(name)));
        } catch (ParseException e) {
            throw new OtherMeaning("is not a table's name, such as scores or library.scores", e);
        }
    }

    private static boolean isOtherCatalog(SparkSession spark, String name) {
        return spark.conf().getOption(CATALOGS + name).isDefined();
    }

    /// Returns what the catalog has under this name.
    ///
    /// @throws OtherMeaning if it is a view
    public Optional<Entry> entry() {
        SessionCatalog tables = spark.sessionState().catalog();
        if (!tables.tableExists(identifier)) {
            return Optional.empty();
        }
        CatalogTable table;
        try {
            table = tables.getTableMetadata(identifier);
        } catch (NoSuchNamespaceException | NoSuchTableException e) { // it was dropped just now
            return Optional.empty();
        }
        if (table.tableType().name().contains("VIEW")) {
            throw new OtherMeaning("is a view");
        }
        Option<String> provider = table.provider();
        boolean divided =
                table.partitionColumnNames().nonEmpty() || table.bucketSpec().isDefined();
        return Optional.of(new Entry(
                new Path(table.location()).toString(),
                provider.isDefined() ? provider.get() : "hive",
                divided,
                table.schema(),
                CollectionConverters.asJava(table.storage().properties())));
    }

    /// Returns the directory that a new table of this name gets.
    public String defaultLocation() {
        return new Path(spark.sessionState().catalog().defaultTablePath(identifier)).toString();
    }

    /// Adds an entry whose rows are the files of a directory. If the entry is dropped, the files stay.
    ///
    /// @param location the directory, as Hadoop writes it
    /// @param options the options of its readers
    public void create(String format, StructType columns, String location, Map<String, String> options) {
        Map<String, String> all = new HashMap<>(options);
        all.put("path", location);
        spark.catalog().createTable(identifier.quotedString(), format, columns, "", all);
    }

    /// Forgets what the session knows of the table's files.
    public void refresh() {
        spark.catalog().refreshTable(identifier.quotedString());
    }

    /// Returns whether the catalog ends with the session, so that later sessions do not know its tables.
    public boolean endsWithSession() {
        return spark.conf().get("spark.sql.catalogImplementation", IN_MEMORY).equals(IN_MEMORY);
    }
}
