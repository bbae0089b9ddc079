package org.sparkqwen.job.columns;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.Penalties;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.job.failure.Refusal;

/// A parameter of generation that a column of the same name may set for each row; null leaves the run's.
public enum RowParam {
    TEMPERATURE(false),
    TOP_K(true),
    TOP_P(false),
    MIN_P(false),
    REPETITION_PENALTY(false),
    PRESENCE_PENALTY(false),
    FREQUENCY_PENALTY(false),
    NO_REPEAT_NGRAM_SIZE(true),
    SEED(true),
    MAX_NEW_TOKENS(true),
    MIN_NEW_TOKENS(true);

    private static final List<DataType> WHOLE_NUMBERS =
            List.of(DataTypes.ByteType, DataTypes.ShortType, DataTypes.IntegerType, DataTypes.LongType);

    private final boolean whole;

    /// @param whole whether the parameter's values are whole numbers
    RowParam(boolean whole) {
        this.whole = whole;
    }

    private GenerationParams set(GenerationParams params, Number value) {
        SamplingParams sampling = params.sampling();
        Penalties penalties = sampling.penalties();
        Ending ending = params.ending();
        double number = value.doubleValue();
        return switch (this) {
            case TEMPERATURE -> params.withSampling(sampling.withTemperature(number));
            case TOP_K -> params.withSampling(sampling.withTopK(Math.toIntExact(value.longValue())));
            case TOP_P -> params.withSampling(sampling.withTopP(number));
            case MIN_P -> params.withSampling(sampling.withMinP(number));
            case REPETITION_PENALTY -> params.withSampling(sampling.withPenalties(penalties.withRepetition(number)));
            case PRESENCE_PENALTY -> params.withSampling(sampling.withPenalties(penalties.withPresence(number)));
            case FREQUENCY_PENALTY -> params.withSampling(sampling.withPenalties(penalties.withFrequency(number)));
            case NO_REPEAT_NGRAM_SIZE ->
                params.withSampling(
                        sampling.withRules(sampling.rules().withNoRepeatNgramSize(Math.toIntExact(value.longValue()))));
            case SEED -> params.withSampling(sampling.withSeed(value.longValue()));
            case MAX_NEW_TOKENS -> params.withEnding(ending.withMaxNewTokens(Math.toIntExact(value.longValue())));
            case MIN_NEW_TOKENS -> params.withEnding(ending.withMinNewTokens(Math.toIntExact(value.longValue())));
        };
    }

    /// Returns the name of the column.
    public String column() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// Returns the parameter that a column sets.
    ///
    /// @throws IllegalArgumentException if no parameter has this name
    public static RowParam of(String column) {
        return Arrays.stream(values())
                .filter(param -> param.column().equals(column))
                .findAny()
                .orElseThrow(() -> new IllegalArgumentException("row-params: '%s' is none of %s"
                        .formatted(
                                column,
                                Arrays.stream(values()).map(RowParam::column).collect(Collectors.joining(", ")))));
    }

    /// Refuses an input that lacks this column, or in which it holds no suitable numbers.
    public void checkIn(StructType input) {
        if (!Arrays.asList(input.fieldNames()).contains(column())) {
            throw Refusal.usage("--row-params: the input has no column '%s'; it has %s"
                    .formatted(column(), ContentColumn.quoted(Arrays.asList(input.fieldNames()))));
        }
        DataType type = input.apply(column()).dataType();
        boolean fits = whole ? WHOLE_NUMBERS.contains(type) : type instanceof NumericType;
        if (!fits) {
            throw Refusal.usage("--row-params: column '%s' is %s; it takes %s"
                    .formatted(column(), type.simpleString(), whole ? "whole numbers" : "numbers"));
        }
    }

    /// Selects the column as whole numbers or as floating-point numbers, whichever the parameter takes.
    public Column select() {
        return ContentColumn.column(column()).cast(whole ? DataTypes.LongType : DataTypes.DoubleType);
    }

    /// Returns the run's parameters with those of a row in their place.
    ///
    /// @param first the index of the first of the columns of `params`
    /// @throws IllegalArgumentException if a value makes no sense; it names the column
    public static GenerationParams apply(List<RowParam> params, GenerationParams ofRun, Row row, int first) {
        GenerationParams ofRow = ofRun;
        for (int i = 0; i < params.size(); i++) {
            if (row.get(first + i) instanceof Number value) {
                try {
                    ofRow = params.get(i).set(ofRow, value);
                } catch (ArithmeticException e) {
                    throw new IllegalArgumentException(
                            "column '%s': %s is too large"
                                    .formatted(params.get(i).column(), value),
                            e);
                } catch (IllegalArgumentException e) {
                    throw new IllegalArgumentException(
                            "column '%s': %s".formatted(params.get(i).column(), e.getMessage()), e);
                }
            }
        }
        return ofRow;
    }
}
