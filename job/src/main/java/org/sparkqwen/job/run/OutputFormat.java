package org.sparkqwen.job.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.VariantType;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.spark.FileFormats;

/// The columns that a format of the output can hold and give back unchanged.
///
/// The behaviour of each format for values of each type was found by writing and reading all of them, see
/// `OutputFormatTest`.
public final class OutputFormat {
    /// The formats whose schema holds every column that a job adds.
    static final List<String> NAMES = List.of("parquet", "json", "orc");

    /// The options of JSON's writer that its reader must have, too, to give the values back.
    private static final List<String> SHARED_OPTIONS = List.of(
            "dateFormat",
            "timestampFormat",
            "timestampNTZFormat",
            "timeZone",
            "locale",
            "encoding",
            "charset",
            "lineSep");

    private final SparkSession spark;
    private final String name;

    /// @param name one of [#NAMES]
    OutputFormat(SparkSession spark, String name) {
        this.spark = spark;
        this.name = name;
    }

    /// Returns options with which a format keeps what its defaults leave out: null columns of JSON's rows, the
    /// microseconds of timestamps, and the seconds of old time zones. JSON's defaults keep thousandths and minutes.
    static Map<String, String> writerOptions() {
        return Map.of(
                "ignoreNullFields",
                "false",
                "timestampFormat",
                "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXXXX",
                "timestampNTZFormat",
                "yyyy-MM-dd'T'HH:mm:ss.SSSSSS");
    }

    /// Returns options with which readers give back every row that was written: JSON's strings may have any length,
    /// and its texts may have the user's formats.
    ///
    /// @param given the user's options of the writer; others of them may be secrets, and are no concern of readers
    public static Map<String, String> readerOptions(Map<String, String> given) {
        Map<String, String> options = sharedOptions(given);
        options.put("maxStringLen", Integer.toString(Integer.MAX_VALUE));
        return options;
    }

    /// Returns those of the options that a writer and its readers must have in common.
    static Map<String, String> sharedOptions(Map<String, String> given) {
        Map<String, String> options = new TreeMap<>();
        given.forEach((option, value) ->
                SHARED_OPTIONS.stream().filter(option::equalsIgnoreCase).forEach(shared -> options.put(shared, value)));
        return options;
    }

    /// Refuses the first column that cannot be written, or that readers would not get back.
    void refuseWhatItCannotHold(StructType schema) {
        firstNotHeld(schema).ifPresent(field -> {
            List<String> others = NAMES.stream()
                    .filter(other -> new OutputFormat(spark, other).holds(field.dataType()))
                    .toList();
            throw Refusal.usage("--output-format %s cannot hold column '%s', %s; leave it out with --columns%s"
                    .formatted(
                            name,
                            Quote.of(field.name()),
                            Quote.of(field.dataType().simpleString()),
                            others.isEmpty() ? "" : ", or choose " + String.join(" or ", others)));
        });
    }

    /// Returns the first column that cannot be written, or that readers would not get back.
    Optional<StructField> firstNotHeld(StructType schema) {
        return Arrays.stream(schema.fields())
                .filter(field -> !holds(field.dataType()))
                .findFirst();
    }

    /// Returns warnings about values that the format changes although it holds their types, a line for each kind.
    List<String> cautions(StructType schema) {
        List<String> cautions = new ArrayList<>();
        if (name.equals("orc")) {
            caution(cautions, schema, type -> type instanceof MapType, "sorts the entries of maps");
            caution(
                    cautions,
                    schema,
                    type -> type.equals(DataTypes.DateType) || type.equals(DataTypes.TimestampType),
                    "moves dates from 5 to 14 October 1582, and timestamps before 1970 that have fractions of a"
                            + " second");
        }
        if (name.equals("json")) {
            caution(
                    cautions,
                    schema,
                    type -> type instanceof VariantType,
                    "writes variants as plain JSON, without their types");
        }
        return cautions;
    }

    private void caution(List<String> cautions, StructType schema, Predicate<DataType> concerns, String what) {
        List<String> names = Arrays.stream(schema.fields())
                .filter(field -> any(field.dataType(), concerns))
                .map(StructField::name)
                .toList();
        if (!names.isEmpty()) {
            cautions.add("--output-format %s %s (columns %s); parquet keeps them"
                    .formatted(name, what, Quote.of(ContentColumn.quoted(names))));
        }
    }

    private boolean holds(DataType type) {
        return FileFormats.holds(spark, name, type)
                && switch (name) {
                    // JSON's keys are strings. Spark writes any other key as a text, which it cannot read.
                    case "json" ->
                        !any(type, part -> part instanceof MapType map && !(map.keyType() instanceof StringType));
                    // They are written without their collation, so they cannot be read as what they were.
                    case "orc" -> !any(type, part -> part instanceof StringType && !part.equals(DataTypes.StringType));
                    default -> true;
                };
    }

    /// Returns whether a type, or one nested in it, is wanted.
    private static boolean any(DataType type, Predicate<DataType> wanted) {
        return wanted.test(type)
                || switch (type) {
                    case MapType map -> any(map.keyType(), wanted) || any(map.valueType(), wanted);
                    case ArrayType array -> any(array.elementType(), wanted);
                    case StructType struct ->
                        Arrays.stream(struct.fields()).anyMatch(field -> any(field.dataType(), wanted));
                    default -> false;
                };
    }
}
