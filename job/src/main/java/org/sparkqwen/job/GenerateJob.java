package org.sparkqwen.job;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.request.ToolCall;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.RankedToken;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.columns.PassedColumns;
import org.sparkqwen.job.columns.PromptSource;
import org.sparkqwen.job.columns.RowParam;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.executor.PartitionEngine;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.progress.Counters;
import org.sparkqwen.job.spark.RowNumber;

/// Generates continuations: takes a Dataset of prompts and returns one row for each sample of each prompt.
public final class GenerateJob {
    public static final String SAMPLE = RowNumber.SAMPLE;

    private static final StructType RANKED =
            new StructType().add("token_id", DataTypes.IntegerType).add("logprob", DataTypes.FloatType);

    private static final StructType TOOL_CALL =
            new StructType().add("name", DataTypes.StringType).add("arguments", DataTypes.StringType);

    /// The columns that a run adds to the passed ones. They are the same in every run.
    public static final StructType SCHEMA = new StructType()
            .add(SAMPLE, DataTypes.IntegerType)
            .add("generated_text", DataTypes.StringType)
            .add("reasoning_text", DataTypes.StringType)
            .add("tool_calls", DataTypes.createArrayType(TOOL_CALL))
            .add("finish_reason", DataTypes.StringType)
            .add("prompt_tokens", DataTypes.IntegerType)
            .add("generated_tokens", DataTypes.IntegerType)
            .add("sum_logprob", DataTypes.DoubleType)
            .add("token_ids", DataTypes.createArrayType(DataTypes.IntegerType))
            .add("token_logprobs", DataTypes.createArrayType(DataTypes.FloatType))
            .add("top_logprobs", DataTypes.createArrayType(DataTypes.createArrayType(RANKED)))
            .add("model", DataTypes.StringType)
            .add("error", DataTypes.StringType);

    private final ModelReference model;
    private final Settings settings;
    private final @Nullable Counters counters;

    /// The settings of generation.
    ///
    /// @param prompt where prompts come from
    /// @param columns the columns that pass through; empty for all
    /// @param samples continuations of each prompt
    /// @param rowParams the parameters that columns set for each row
    public record Settings(
            PromptSource prompt, List<String> columns, int samples, GenerationParams params, List<RowParam> rowParams)
            implements Serializable {
        public Settings {
            if (samples < 1) {
                throw new IllegalArgumentException("samples must be at least 1, not " + samples);
            }
            rowParams = List.copyOf(rowParams);
        }

        /// Estimates the tokens of a row: of its prompt, and of all its samples.
        public Column estimatedTokens(StructType input) {
            return prompt.estimatedTokens(input).plus(samples * params.ending().maxNewTokens());
        }

        /// Creates settings with the same parameters for every row.
        public Settings(PromptSource prompt, List<String> columns, int samples, GenerationParams params) {
            this(prompt, columns, samples, params, List.of());
        }
    }

    public GenerateJob(ModelReference model, Settings settings) {
        this(model, settings, null);
    }

    public GenerateJob(ModelReference model, Settings settings, @Nullable Counters counters) {
        this.model = model;
        this.settings = settings;
        this.counters = counters;
    }

    /// Returns as many output rows for each input row as there are samples. Rejected rows have `error` set and
    /// `finish_reason` error. Lazy, like any transformation.
    ///
    /// @throws RuntimeException naming the column, if the input lacks one or has one of a wrong type
    public Dataset<Row> run(Dataset<Row> input) {
        settings.prompt().checkIn(input.schema());
        settings.rowParams().forEach(param -> param.checkIn(input.schema()));
        PassedColumns passed = PassedColumns.of(RowProblem.without(input.schema()), settings.columns(), SCHEMA);
        List<Column> read = new ArrayList<>();
        settings.rowParams().forEach(param -> read.add(param.select()));
        read.addAll(settings.prompt().columns(input.schema()));
        Partition partition = new Partition(model, settings, counters);
        return passed.transform(input, RowProblem.behind(read, input.schema()), SCHEMA, partition);
    }

    /// The function that executors run on each partition.
    private record Partition(
            ModelReference model,
            Settings settings,
            @Nullable Counters counters) implements JobRow.Partition {

        @Override
        public Iterator<JobRow.Made> call(Iterator<JobRow> rows) {
            return PartitionEngine.generate(model, rows, settings.samples(), this::requests, this::columns, counters);
        }

        /// @param row the columns of row parameters, followed by those of the prompt
        private PartitionEngine.RequestFactory<Request.Generate> requests(Row row) {
            try {
                GenerationParams params = RowParam.apply(settings.rowParams(), settings.params(), row, 0);
                int first = settings.rowParams().size();
                Content prompt = RowProblem.or(row, () -> settings.prompt().read(row, first, this::note));
                return (id, sample) -> new Request.Generate(id, prompt, sample, params);
            } catch (IllegalArgumentException e) {
                Content unreadable = new Content.Unreadable(String.valueOf(e.getMessage()));
                return (id, sample) -> new Request.Generate(id, unreadable, sample, settings.params());
            }
        }

        private @Nullable Object[] columns(Result result, int sample) {
            return switch (result) {
                case Result.Generated generated -> {
                    count(generated.promptTokens() + generated.tokens().size(), false, sample);
                    yield generatedColumns(generated, sample);
                }
                case Result.Rejected rejected -> {
                    count(0, true, sample);
                    yield errorColumns(rejected.reason(), sample);
                }
                case Result.Scored scored -> throw new IllegalStateException("a continuation was asked for");
            };
        }

        private void note(String note) {
            if (counters != null) {
                counters.notes().add(note);
            }
        }

        /// Counts an input row with its last sample, because that is seldom not the last to end.
        private void count(long tokens, boolean error, int sample) {
            if (counters != null) {
                counters.count(tokens, error, sample == settings.samples() - 1);
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
                generated.reasoning(),
                toolCalls(generated.toolCalls()),
                switch (generated.finishReason()) {
                    case STOP -> "stop";
                    case LENGTH -> "length";
                    case REPETITION -> "repetition";
                },
                generated.promptTokens(),
                generated.tokens().size(),
                sum,
                generated.tokens().toArray(Integer[]::new),
                floats,
                ranked(generated.best()),
                model.label(),
                null
            };
        }

        private static Row @Nullable [] toolCalls(@Nullable List<ToolCall> calls) {
            return calls == null
                    ? null
                    : calls.stream()
                            .map(call -> RowFactory.create(call.name(), call.arguments()))
                            .toArray(Row[]::new);
        }

        private Row @Nullable [][] ranked(List<List<RankedToken>> best) {
            if (settings.params().best() == 0) {
                return null;
            }
            return best.stream()
                    .map(tokens -> tokens.stream()
                            .map(token -> RowFactory.create(token.token(), (float) token.logProbability()))
                            .toArray(Row[]::new))
                    .toArray(Row[][]::new);
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
