package org.sparkqwen.job;

import java.io.Serializable;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.TextPart;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.executor.Outcome;
import org.sparkqwen.job.executor.PartitionEngine;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelReference;

/// Embeds documents: takes a Dataset and returns its rows with a vector of length 1 for each.
///
/// The vector is the hidden state of the document's last token after the final norm. A model for embeddings such as
/// Qwen3-Embedding is trained for that. Any other model does it, too.
///
/// ```java
/// ModelReference model = ModelReference.open(Path.of("Qwen3-Embedding-0.6B"));
/// EmbedJob job = new EmbedJob(model, EmbedJob.Settings.of(model, new ContentColumn.Text("text", SpecialTokens.TEXT)));
/// Dataset<Row> embeddings = job.run(spark.read().parquet("corpus"));
/// ```
///
/// There is one output row for each input row. Rejected rows have `error` set.
public final class EmbedJob extends ModelJob<EmbedJob.Settings, Result.Embedded> {
    /// The columns that a run adds to the passed ones. They are the same in every run.
    public static final StructType SCHEMA = OutputColumn.schema(columns(""));

    /// The settings of embedding. [#of] has the defaults of the command line.
    ///
    /// @param prompt text before each document, in which special tokens count; empty for none, as it must be for
    ///     token ids
    /// @param columns the columns that pass through; empty for all
    /// @param context the most tokens that the model reads; longer documents are cut
    /// @param dims how many numbers an embedding has, the first ones of the hidden state
    public record Settings(String prompt, ContentColumn content, List<String> columns, int context, int dims)
            implements Serializable {
        public Settings {
            if (!prompt.isEmpty() && content instanceof ContentColumn.Tokens) {
                throw new IllegalArgumentException("a prompt precedes texts, and the documents are token ids");
            }
            if (context < 1) {
                throw new IllegalArgumentException("context must be at least 1, not " + context);
            }
            if (dims < 1) {
                throw new IllegalArgumentException("dims must be at least 1, not " + dims);
            }
            columns = List.copyOf(columns);
        }

        /// Returns the default settings: whole embeddings, the context of sentence-transformers, and the prompt
        /// that the model's `config_sentence_transformers.json` names as the default, if it names one. All
        /// columns pass through.
        public static Settings of(ModelReference model, ContentColumn content) {
            String prompt = content instanceof ContentColumn.Text ? model.defaultPrompt() : "";
            return new Settings(
                    prompt,
                    content,
                    List.of(),
                    model.embeddingContext(),
                    model.config().hiddenSize());
        }

        /// Returns these settings with another text before each document; empty for none.
        public Settings withPrompt(String value) {
            return new Settings(value, content, columns, context, dims);
        }

        /// Returns these settings with other columns that pass through; empty for all.
        public Settings withColumns(List<String> value) {
            return new Settings(prompt, content, value, context, dims);
        }

        /// Returns these settings with another number of tokens that the model reads at most.
        public Settings withContext(int value) {
            return new Settings(prompt, content, columns, value, dims);
        }

        /// Returns these settings with embeddings of so many numbers.
        public Settings withDims(int value) {
            return new Settings(prompt, content, columns, context, value);
        }
    }

    /// Makes a job whose tasks find the model where `model` says.
    public EmbedJob(ModelReference model, Settings settings) {
        this(model, settings, columns(model.label()), ModelDistribution.SHARED);
    }

    EmbedJob(
            ModelReference model,
            Settings settings,
            List<OutputColumn<Result.Embedded>> columns,
            ModelDistribution distribution) {
        super("embed", model, settings, settings.columns(), columns, distribution);
    }

    @Override
    public EmbedJob withDistribution(ModelDistribution value) {
        return new EmbedJob(model, settings, columns, value);
    }

    @Override
    public Column estimatedTokens(StructType input) {
        return settings.content().estimatedTokens(input);
    }

    @Override
    List<Column> read(StructType input) {
        settings.content().checkDocumentsIn(input);
        return List.of(settings.content().select(input));
    }

    @Override
    Task<Request.Embed, Result.Embedded> task(ModelReference onHosts, TaskCounts counts) {
        return new Embedding(onHosts, settings, counts);
    }

    /// The function that executors run on each partition.
    private record Embedding(ModelReference model, Settings settings, TaskCounts counts)
            implements Task<Request.Embed, Result.Embedded> {

        @Override
        public Iterator<Outcome<Result.Embedded>> of(Iterator<JobRow> rows) {
            return PartitionEngine.embed(model, rows, this::request, counts);
        }

        @Override
        public PartitionEngine.RequestFactory<Request.Embed> request(Row row) {
            Content content =
                    prompted(RowProblem.or(row, () -> settings.content().read(row, 0)));
            return (id, sample) -> new Request.Embed(id, content, settings.context(), settings.dims());
        }

        /// Returns the prompt and the document as one text, as sentence-transformers joins them.
        private Content prompted(Content content) {
            return !settings.prompt().isEmpty() && content instanceof Content.Text text
                    ? new Content.Parts(List.of(
                            new TextPart(settings.prompt(), SpecialTokens.PARSE),
                            new TextPart(text.text(), text.special())))
                    : content;
        }
    }

    /// Returns the columns that the job adds to the passed ones.
    ///
    /// @param model the model's label
    static List<OutputColumn<Result.Embedded>> columns(String model) {
        return List.of(
                OutputColumn.ofResult(
                        "embedding",
                        DataTypes.createArrayType(DataTypes.FloatType),
                        embedded -> boxed(embedded.embedding())),
                OutputColumn.ofResult("tokens", DataTypes.IntegerType, Result.Embedded::tokens),
                OutputColumn.ofResult("truncated", DataTypes.BooleanType, Result.Embedded::truncated),
                OutputColumn.model(model),
                OutputColumn.error());
    }

    private static Float[] boxed(float[] numbers) {
        Float[] boxed = new Float[numbers.length];
        for (int i = 0; i < numbers.length; i++) {
            boxed[i] = numbers[i];
        }
        return boxed;
    }
}
