package org.sparkqwen.job;

import java.io.Serializable;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.Content;
import org.sparkqwen.engine.Request;
import org.sparkqwen.engine.Result;
import org.sparkqwen.engine.sampling.SamplingParams;

/// Generates continuations: a Dataset of prompts in, one row for each sample of each prompt out.
public final class GenerateJob {
    /// The columns added to the passed ones; the same in every run.
    public static final StructType SCHEMA = new StructType()
            .add("sample", DataTypes.IntegerType)
            .add("generated_text", DataTypes.StringType)
            .add("finish_reason", DataTypes.StringType)
            .add("prompt_tokens", DataTypes.IntegerType)
            .add("generated_tokens", DataTypes.IntegerType)
            .add("sum_logprob", DataTypes.DoubleType)
            .add("token_ids", DataTypes.createArrayType(DataTypes.IntegerType))
            .add("token_logprobs", DataTypes.createArrayType(DataTypes.FloatType))
            .add("model", DataTypes.StringType)
            .add("error", DataTypes.StringType);

    private final ModelReference model;
    private final Settings settings;
    private final @Nullable Counters counters;

    /// How to generate.
    ///
    /// @param content the column of prompts
    /// @param columns that pass through; empty for all
    /// @param samples continuations of each prompt
    public record Settings(ContentColumn content, List<String> columns, int samples, SamplingParams sampling)
            implements Serializable {
        public Settings {
            if (samples < 1) {
                throw new IllegalArgumentException("samples must be at least 1, not " + samples);
            }
        }
    }

    public GenerateJob(ModelReference model, Settings settings) {
        this(model, settings, null);
    }

    GenerateJob(ModelReference model, Settings settings, @Nullable Counters counters) {
        this.model = model;
        this.settings = settings;
        this.counters = counters;
    }

    /// As many output rows for each input row as there are samples; those that cannot be generated have `error` set
    /// and `finish_reason` error. Lazy, like any transformation.
    ///
    /// @throws RuntimeException naming the column, if the input lacks one or has one of a wrong type
    public Dataset<Row> run(Dataset<Row> input) {
        settings.content().checkIn(input.schema());
        PassedColumns passed = PassedColumns.of(input.schema(), settings.columns(), SCHEMA);
        Partition partition = new Partition(model, settings, passed.count(), counters);
        return passed.transform(input, List.of(settings.content().select()), SCHEMA, partition);
    }

    /// What executors run on each partition.
    private record Partition(
            ModelReference model,
            Settings settings,
            int passed,
            @Nullable Counters counters) implements MapPartitionsFunction<Row, Row> {

        @Override
        public Iterator<Row> call(Iterator<Row> rows) {
            return PartitionEngine.generate(
                    model, rows, passed, settings.samples(), this::request, this::columns, counters);
        }

        private PartitionEngine.RequestFactory<Request.Generate> request(Row row) {
            Content prompt = settings.content().read(row.get(passed));
            return (id, sample) -> new Request.Generate(id, prompt, sample, settings.sampling());
        }

        private @Nullable Object[] columns(Result result, int sample) {
            return switch (result) {
                case Result.Generated generated -> {
                    count(generated.promptTokens() + generated.tokens().size(), false);
                    yield generatedColumns(generated, sample);
                }
                case Result.Rejected rejected -> {
                    count(0, true);
                    yield errorColumns(rejected.reason(), sample);
                }
                case Result.Scored scored -> throw new IllegalStateException("a continuation was asked for");
            };
        }

        private void count(long tokens, boolean error) {
            if (counters != null) {
                counters.count(tokens, error);
            }
        }

        private @Nullable Object[] generatedColumns(Result.Generated generated, int sample) {
            List<Double> logProbabilities = generated.logProbabilities();
            double sum = 0;
            Float[] floats = new Float[logProbabilities.size()];
            for (int i = 0; i < floats.length; i++) {
                sum += logProbabilities.get(i);
                floats[i] = logProbabilities.get(i).floatValue();
            }
            return new @Nullable Object[] {
                sample,
                generated.text(),
                switch (generated.finishReason()) {
                    case STOP -> "stop";
                    case LENGTH -> "length";
                },
                generated.promptTokens(),
                generated.tokens().size(),
                sum,
                generated.tokens().toArray(Integer[]::new),
                floats,
                model.label(),
                null
            };
        }

        private @Nullable Object[] errorColumns(String reason, int sample) {
            @Nullable Object[] columns = new @Nullable Object[SCHEMA.size()];
            columns[SCHEMA.fieldIndex("sample")] = sample;
            columns[SCHEMA.fieldIndex("finish_reason")] = "error";
            columns[SCHEMA.fieldIndex("model")] = model.label();
            columns[SCHEMA.fieldIndex("error")] = reason;
            return columns;
        }
    }
}
