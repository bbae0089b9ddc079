package org.sparkqwen.job;

import static org.apache.spark.sql.functions.lit;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Labels;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.columns.LabelSource;
import org.sparkqwen.job.columns.PromptSource;
import org.sparkqwen.job.columns.RerankerPrompt;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.executor.Outcome;
import org.sparkqwen.job.executor.PartitionEngine;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelReference;

/// Classifies texts: takes a Dataset of prompts and returns its rows with the label that follows each, and how likely
/// each label is. Nothing is generated.
///
/// ```java
/// LabelSource labels = new LabelSource.Fixed(new Labels(List.of(" good", " bad")));
/// ClassifyJob job = new ClassifyJob(model, ClassifyJob.Settings.of(model, prompts, labels));
/// ```
///
/// There is one output row for each input row. Rejected rows have `error` set.
public final class ClassifyJob extends ModelJob<ClassifyJob.Settings, Result.Classified> {
    /// The columns that a run adds to the passed ones. They are the same in every run.
    public static final StructType SCHEMA = OutputColumn.schema(columns("", false, false));

    /// The settings of classification. [#of] has the defaults of the command line.
    ///
    /// @param prompt where prompts come from
    /// @param labels where the labels come from that may follow a prompt
    /// @param columns the columns that pass through; empty for all
    /// @param context the most tokens that the model reads of a prompt and a label
    /// @param numeric whether labels are numbers, and `value` is filled
    public record Settings(PromptSource prompt, LabelSource labels, List<String> columns, int context, boolean numeric)
            implements Serializable {
        /// @throws IllegalArgumentException naming a label that is no number, if they should be
        public Settings {
            if (context < 1) {
                throw new IllegalArgumentException("context must be at least 1, not " + context);
            }
            if (numeric && labels instanceof LabelSource.Fixed fixed) {
                fixed.labels().numbers();
            }
            columns = List.copyOf(columns);
        }

        /// Returns settings for labels after prompts, with the model's context.
        public static Settings of(ModelReference model, PromptSource prompt, LabelSource labels) {
            return new Settings(prompt, labels, List.of(), model.config().maxPositions(), false);
        }

        /// Returns settings for Qwen3-Reranker: `score` is filled with the probability that the document of a
        /// row meets its query.
        public static Settings of(ModelReference model, RerankerPrompt prompt) {
            return of(model, prompt, new LabelSource.Fixed(RerankerPrompt.LABELS));
        }

        /// Returns these settings with other columns that pass through; empty for all.
        public Settings withColumns(List<String> value) {
            return new Settings(prompt, labels, value, context, numeric);
        }

        /// Returns these settings with another limit for the tokens of a prompt and a label.
        public Settings withContext(int value) {
            return new Settings(prompt, labels, columns, value, numeric);
        }

        /// Returns these settings with `value` filled or not.
        ///
        /// @throws IllegalArgumentException naming a label that is no number
        public Settings withNumeric(boolean value) {
            return new Settings(prompt, labels, columns, context, value);
        }
    }

    /// Makes a job whose tasks find the model where `model` says.
    ///
    /// @throws InvalidModelException if the model is one for embeddings
    /// @throws IllegalArgumentException naming a label that all rows have and that does not fit into the context
    public ClassifyJob(ModelReference model, Settings settings) {
        this(
                model,
                settings,
                columns(model.label(), settings.numeric(), settings.prompt() instanceof RerankerPrompt),
                ModelDistribution.SHARED);
        model.requireHead();
        if (settings.labels() instanceof LabelSource.Fixed fixed) {
            model.requireRoom(fixed.labels(), settings.context());
        }
    }

    ClassifyJob(
            ModelReference model,
            Settings settings,
            List<OutputColumn<Result.Classified>> columns,
            ModelDistribution distribution) {
        super("classify", model, settings, settings.columns(), columns, distribution);
    }

    @Override
    public ClassifyJob withDistribution(ModelDistribution value) {
        return new ClassifyJob(model, settings, columns, value);
    }

    /// Estimates the tokens of a row: of its prompt, and one for its labels.
    @Override
    public Column estimatedTokens(StructType input) {
        return settings.prompt().estimatedTokens(input).plus(lit(1));
    }

    /// Returns the columns that the job reads: those of labels, followed by those of the prompt.
    @Override
    List<Column> read(StructType input) {
        settings.prompt().checkIn(input);
        settings.labels().checkIn(input);
        List<Column> read = new ArrayList<>(settings.labels().columns(input));
        read.addAll(settings.prompt().columns(input));
        return read;
    }

    @Override
    Task<Request.Classify, Result.Classified> task(ModelReference onHosts, TaskCounts counts) {
        return new Classification(onHosts, settings, counts);
    }

    /// The function that executors run on each partition.
    private record Classification(ModelReference model, Settings settings, TaskCounts counts)
            implements Task<Request.Classify, Result.Classified> {
        /// The labels in a request whose own cannot be read. The request is rejected before they are looked at.
        private static final Labels UNREAD = RerankerPrompt.LABELS;

        @Override
        public Iterator<Outcome<Result.Classified>> of(Iterator<JobRow> rows) {
            return PartitionEngine.classify(model, rows, this::request, counts);
        }

        /// @param row the columns of labels, followed by those of the prompt
        @Override
        public PartitionEngine.RequestFactory<Request.Classify> request(Row row) {
            int context = settings.context();
            int first = settings.labels() instanceof LabelSource.FromColumn ? 1 : 0;
            Content prompt = RowProblem.or(row, () -> settings.prompt().read(row, first, counts::note));
            if (prompt instanceof Content.Unreadable) {
                return (id, sample) -> new Request.Classify(id, prompt, UNREAD, context);
            }
            try {
                Labels labels = settings.labels().read(row, 0);
                if (settings.numeric()) {
                    labels.numbers();
                }
                return (id, sample) -> new Request.Classify(id, prompt, labels, context);
            } catch (IllegalArgumentException e) {
                Content unreadable = new Content.Unreadable(String.valueOf(e.getMessage()));
                return (id, sample) -> new Request.Classify(id, unreadable, UNREAD, context);
            }
        }
    }

    /// Returns the columns that the job adds to the passed ones.
    ///
    /// @param model the model's label
    /// @param numeric whether `value` is filled
    /// @param reranker whether `score` is filled
    static List<OutputColumn<Result.Classified>> columns(String model, boolean numeric, boolean reranker) {
        return List.of(
                OutputColumn.ofResult("label", DataTypes.StringType, Result.Classified::label),
                OutputColumn.ofResult(
                        "label_probs",
                        DataTypes.createMapType(DataTypes.StringType, DataTypes.DoubleType),
                        ClassifyJob::probabilities),
                OutputColumn.ofResult("margin", DataTypes.DoubleType, Result.Classified::margin),
                OutputColumn.ofResult(
                        "value", DataTypes.DoubleType, classified -> numeric ? classified.expectedValue() : null),
                OutputColumn.ofResult(
                        "score",
                        DataTypes.DoubleType,
                        classified -> reranker ? classified.probability(RerankerPrompt.RELEVANT) : null),
                OutputColumn.ofResult("truncated", DataTypes.BooleanType, Result.Classified::truncated),
                OutputColumn.ofResult("prompt_tokens", DataTypes.IntegerType, Result.Classified::promptTokens),
                OutputColumn.ofResult("label_tokens", DataTypes.IntegerType, Result.Classified::labelTokens),
                OutputColumn.model(model),
                OutputColumn.error());
    }

    /// Returns the probabilities in the order of the labels.
    private static Map<String, Double> probabilities(Result.Classified classified) {
        Map<String, Double> probabilities = new LinkedHashMap<>();
        List<String> names = classified.labels().names();
        for (int i = 0; i < names.size(); i++) {
            probabilities.put(names.get(i), classified.probabilities()[i]);
        }
        return probabilities;
    }
}
