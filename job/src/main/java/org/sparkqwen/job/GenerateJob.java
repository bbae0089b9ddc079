package org.sparkqwen.job;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.request.ToolCall;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.columns.PromptSource;
import org.sparkqwen.job.columns.RowParam;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.executor.Outcome;
import org.sparkqwen.job.executor.PartitionEngine;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.spark.RowNumber;

/// Generates continuations: takes a Dataset of prompts and returns one row for each sample of each prompt.
///
/// Rejected rows have `error` set and `finish_reason` error, in each of their samples.
public final class GenerateJob extends ModelJob<GenerateJob.Settings, Result.Generated> {
    private static final StructType TOOL_CALL =
            new StructType().add("name", DataTypes.StringType).add("arguments", DataTypes.StringType);

    /// The columns that a run adds to the passed ones. They are the same in every run.
    public static final StructType SCHEMA = OutputColumn.schema(columns("", false));

    /// The settings of generation. [#of] has the defaults of the command line.
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
            columns = List.copyOf(columns);
            rowParams = List.copyOf(rowParams);
        }

        /// Returns settings for one sample of each prompt, with the same parameters for every row.
        public static Settings of(PromptSource prompt, GenerationParams params) {
            return new Settings(prompt, List.of(), 1, params, List.of());
        }

        /// Returns these settings with other columns that pass through; empty for all.
        public Settings withColumns(List<String> value) {
            return new Settings(prompt, value, samples, params, rowParams);
        }

        /// Returns these settings with so many continuations of each prompt.
        public Settings withSamples(int value) {
            return new Settings(prompt, columns, value, params, rowParams);
        }

        /// Returns these settings with parameters that columns of the same names set for each row.
        public Settings withRowParams(List<RowParam> value) {
            return new Settings(prompt, columns, samples, params, value);
        }
    }

    /// Makes a job whose tasks find the model where `model` says.
    ///
    /// @throws InvalidModelException if the model is one for embeddings
    public GenerateJob(ModelReference model, Settings settings) {
        this(model, settings, columns(model.label(), settings.params().best() > 0), ModelDistribution.SHARED);
        model.requireHead();
    }

    GenerateJob(
            ModelReference model,
            Settings settings,
            List<OutputColumn<Result.Generated>> columns,
            ModelDistribution distribution) {
        super("generate", model, settings, settings.columns(), columns, distribution);
    }

    @Override
    public GenerateJob withDistribution(ModelDistribution value) {
        return new GenerateJob(model, settings, columns, value);
    }

    @Override
    public Map<String, String> identity() {
        Map<String, String> identity = super.identity();
        identity.put("kv", JobIdentity.text(model.options().keyValues())); // it is rounded with bf16
        return identity;
    }

    /// Estimates the tokens of a row: of its prompt, and of all its samples.
    @Override
    public Column estimatedTokens(StructType input) {
        return settings.prompt()
                .estimatedTokens(input)
                .plus(settings.samples() * settings.params().ending().maxNewTokens());
    }

    /// Returns the columns that the job reads: those of row parameters, followed by those of the prompt.
    @Override
    List<Column> read(StructType input) {
        settings.prompt().checkIn(input);
        settings.rowParams().forEach(param -> param.checkIn(input));
        List<Column> read = new ArrayList<>();
        settings.rowParams().forEach(param -> read.add(param.select()));
        read.addAll(settings.prompt().columns(input));
        return read;
    }

    @Override
    int samples() {
        return settings.samples();
    }

    @Override
    Task<Request.Generate, Result.Generated> task(ModelReference onHosts, TaskCounts counts) {
        return new Generation(onHosts, settings, counts);
    }

    /// The function that executors run on each partition.
    private record Generation(ModelReference model, Settings settings, TaskCounts counts)
            implements Task<Request.Generate, Result.Generated> {

        @Override
        public Iterator<Outcome<Result.Generated>> of(Iterator<JobRow> rows) {
            return PartitionEngine.generate(model, rows, settings.samples(), this::request, counts);
        }

        /// @param row the columns of row parameters, followed by those of the prompt
        @Override
        public PartitionEngine.RequestFactory<Request.Generate> request(Row row) {
            try {
                GenerationParams params = RowParam.apply(settings.rowParams(), settings.params(), row, 0);
                int first = settings.rowParams().size();
                Content prompt = RowProblem.or(row, () -> settings.prompt().read(row, first, counts::note));
                return (id, sample) -> new Request.Generate(id, prompt, sample, params);
            } catch (IllegalArgumentException e) {
                Content unreadable = new Content.Unreadable(String.valueOf(e.getMessage()));
                return (id, sample) -> new Request.Generate(id, unreadable, sample, settings.params());
            }
        }
    }

    /// Returns the columns that the job adds to the passed ones.
    ///
    /// @param model the model's label
    /// @param ranked whether `top_logprobs` is filled
    static List<OutputColumn<Result.Generated>> columns(String model, boolean ranked) {
        return List.of(
                new OutputColumn<>(RowNumber.SAMPLE, DataTypes.IntegerType, Outcome::sample),
                OutputColumn.ofResult("generated_text", DataTypes.StringType, Result.Generated::text),
                OutputColumn.ofResult("reasoning_text", DataTypes.StringType, Result.Generated::reasoning),
                OutputColumn.ofResult(
                        "tool_calls",
                        DataTypes.createArrayType(TOOL_CALL),
                        generated -> toolCalls(generated.toolCalls())),
                new OutputColumn<>("finish_reason", DataTypes.StringType, GenerateJob::finishReason),
                OutputColumn.ofResult("prompt_tokens", DataTypes.IntegerType, Result.Generated::promptTokens),
                OutputColumn.ofResult(
                        "generated_tokens",
                        DataTypes.IntegerType,
                        generated -> generated.tokens().size()),
                OutputColumn.ofResult(
                        "sum_logprob", DataTypes.DoubleType, generated -> sum(generated.logProbabilities())),
                OutputColumn.ofResult(
                        "token_ids",
                        DataTypes.createArrayType(DataTypes.IntegerType),
                        generated -> generated.tokens().toArray(Integer[]::new)),
                OutputColumn.ofResult(
                        "token_logprobs",
                        DataTypes.createArrayType(DataTypes.FloatType),
                        generated -> floats(generated.logProbabilities())),
                OutputColumn.ofResult(
                        "top_logprobs",
                        RankedTokens.TYPE,
                        generated -> ranked ? RankedTokens.rows(generated.best()) : null),
                OutputColumn.model(model),
                OutputColumn.error());
    }

    private static String finishReason(Outcome<Result.Generated> outcome) {
        return switch (outcome) {
            case Outcome.Rejected<Result.Generated> _ -> "error";
            case Outcome.Finished<Result.Generated> finished ->
                switch (finished.result().finishReason()) {
                    case STOP -> "stop";
                    case LENGTH -> "length";
                    case REPETITION -> "repetition";
                };
        };
    }

    private static double sum(List<Double> logProbabilities) {
        double sum = 0;
        for (double logProbability : logProbabilities) {
            sum += logProbability;
        }
        return sum;
    }

    private static Float[] floats(List<Double> logProbabilities) {
        Float[] floats = new Float[logProbabilities.size()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = logProbabilities.get(i).floatValue();
        }
        return floats;
    }

    private static Row @Nullable [] toolCalls(@Nullable List<ToolCall> calls) {
        return calls == null
                ? null
                : calls.stream()
                        .map(call -> RowFactory.create(call.name(), call.arguments()))
                        .toArray(Row[]::new);
    }
}
