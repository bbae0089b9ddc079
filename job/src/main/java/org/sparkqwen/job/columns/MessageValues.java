package org.sparkqwen.job.columns;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.ShortType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;

/// Values of columns and of JSON in the form that a chat template takes: strings, truth values, Long, Double, null,
/// lists, and maps from strings to these.
final class MessageValues {
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxStringLength(Integer.MAX_VALUE)
                            .build())
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private MessageValues() {}

    /// Returns the type to which a column is cast for [#of]. Strings become bytes, because a string from Spark
    /// would hide malformed UTF-8 behind replacement characters.
    static DataType cast(DataType type) {
        return switch (type) {
            case StructType struct -> {
                StructType cast = new StructType();
                for (var field : struct.fields()) {
                    cast = cast.add(field.name(), cast(field.dataType()), true);
                }
                yield cast;
            }
            case ArrayType array -> DataTypes.createArrayType(cast(array.elementType()), true);
            case MapType map -> DataTypes.createMapType(cast(map.keyType()), cast(map.valueType()), true);
            case BooleanType bool -> bool;
            case ByteType _, ShortType _, IntegerType _, LongType _ -> DataTypes.LongType;
            case FloatType _, DoubleType _ -> DataTypes.DoubleType;
            case StringType _ -> DataTypes.BinaryType;
            default ->
                type.equals(DataTypes.BinaryType) || type.equals(DataTypes.NullType)
                        ? DataTypes.BinaryType
                        : DataTypes.StringType;
        };
    }

    /// Converts a value of a column that was cast. Null fields of structs are left out, because Spark gives every
    /// struct in Parquet and JSON the fields of all.
    ///
    /// @param place the value's place, for the message
    /// @throws IllegalArgumentException if a text in it is not valid UTF-8
    static @Nullable Object of(@Nullable Object value, String place) {
        return switch (value) {
            case byte[] bytes -> text(bytes, place);
            case Row row -> {
                Map<String, @Nullable Object> fields = new LinkedHashMap<>();
                for (int i = 0; i < row.size(); i++) {
                    if (!row.isNullAt(i)) {
                        String name = row.schema().fieldNames()[i];
                        fields.put(name, of(row.get(i), place + ", " + Quote.of(name)));
                    }
                }
                yield fields;
            }
            case scala.collection.Seq<?> seq -> {
                List<@Nullable Object> items = new ArrayList<>();
                for (int i = 0; i < seq.length(); i++) {
                    items.add(of(seq.apply(i), place));
                }
                yield items;
            }
            case scala.collection.Map<?, ?> map -> {
                Map<String, @Nullable Object> entries = new LinkedHashMap<>();
                scala.jdk.javaapi.CollectionConverters.asJava(map).forEach((key, item) -> {
                    String name = String.valueOf(of(key, place));
                    if (item != null) {
                        entries.put(name, of(item, place + ", " + Quote.of(name)));
                    }
                });
                yield entries;
            }
            case null, default -> value;
        };
    }

    /// @throws IllegalArgumentException if `bytes` are not valid UTF-8
    static String text(byte[] bytes, String place) {
        CharsetDecoder decoder = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        ByteBuffer input = ByteBuffer.wrap(bytes);
        CharBuffer output = CharBuffer.allocate(bytes.length);
        CoderResult result = decoder.decode(input, output, true);
        if (result.isError()) {
            throw new IllegalArgumentException("%s is not valid UTF-8 at byte %d".formatted(place, input.position()));
        }
        return output.flip().toString();
    }

    /// Parses JSON to a value.
    ///
    /// @param place the text's place, for the message
    /// @throws IllegalArgumentException if it is not JSON, or has numbers or texts that no value can hold
    static @Nullable Object parse(String json, String place) {
        try {
            return of(JSON.readTree(json), place);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("%s: no JSON: %s".formatted(place, located(e)), e);
        }
    }

    private static String located(JsonProcessingException e) {
        String message = Quote.of(e.getOriginalMessage());
        return e.getLocation() == null
                ? message
                : "%s (line %d, column %d)"
                        .formatted(
                                message,
                                e.getLocation().getLineNr(),
                                e.getLocation().getColumnNr());
    }

    private static @Nullable Object of(JsonNode node, String place) {
        return switch (node.getNodeType()) {
            case OBJECT -> {
                Map<String, @Nullable Object> fields = new LinkedHashMap<>();
                node.properties()
                        .forEach(field -> fields.put(wellFormed(field.getKey(), place), of(field.getValue(), place)));
                yield fields;
            }
            case ARRAY -> {
                List<@Nullable Object> items = new ArrayList<>();
                node.forEach(item -> items.add(of(item, place)));
                yield items;
            }
            case STRING -> wellFormed(node.textValue(), place);
            case BOOLEAN -> node.booleanValue();
            case NUMBER -> number(node, place);
            case NULL -> null;
            default -> throw new IllegalArgumentException("%s: empty where JSON is expected".formatted(place));
        };
    }

    private static Object number(JsonNode node, String place) {
        boolean fits = node.isIntegralNumber() ? node.canConvertToLong() : Double.isFinite(node.doubleValue());
        if (!fits) {
            throw new IllegalArgumentException(
                    "%s: the number %s is too large".formatted(place, Quote.of(node.asText())));
        }
        return node.isIntegralNumber() ? (Object) node.longValue() : (Object) node.doubleValue();
    }

    /// Refuses half of a surrogate pair, which JSON can spell although it is no character.
    private static String wellFormed(String text, String place) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isHighSurrogate(text.charAt(i))
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
            } else if (Character.isSurrogate(text.charAt(i))) {
                throw new IllegalArgumentException("%s: a text has the lone surrogate \\u%04x, which is no character"
                        .formatted(place, (int) text.charAt(i)));
            }
        }
        return text;
    }
}
