package org.sparkqwen.job.cli;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.EmbedJob;
import org.sparkqwen.job.cli.report.JobSummary;
import org.sparkqwen.job.cli.report.ModelFit;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.run.JobRun;
import org.sparkqwen.job.run.SampledSizes;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "embed",
        sortOptions = false,
        description = {
            "Computes an embedding of each document: a vector of length 1, whose product with that of another"
                    + " document says how alike the two are.",
            "",
            "The embedding is the hidden state of the last token after the final norm, as Qwen3-Embedding has it. The"
                    + " output has the columns of the input and then embedding, tokens, truncated, model and error. A"
                    + " row that cannot be embedded has error set, and the other added columns except model are null.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  ./spark-qwen embed --input data-samples/corpus.parquet --output /tmp/embeddings",
            "  ./spark-qwen embed --model Qwen3-Embedding-0.6B --input queries.parquet --text-column query \\",
            "      --prompt-name query --dims 256 --output /tmp/embeddings",
            "  ./spark-qwen embed --model Qwen3-Embedding-0.6B --input corpus.parquet --output /tmp/embeddings \\",
            "      --instruction 'Identify the topic of the text'"
        })
final class EmbedCommand extends ModelCommand<EmbedJob.Settings> {
    @Mixin
    private ContentOptions content = new ContentOptions();

    @Option(
            names = "--prompt-name",
            paramLabel = "NAME",
            description = "The prompt of this name in the model's config_sentence_transformers.json precedes each"
                    + " document, such as query. Default: the prompt that this file names as the default, else"
                    + " none.")
    private @Nullable String promptName;

    @Option(
            names = "--instruction",
            paramLabel = "TEXT",
            description = "Each document is a query for this task, in the form of Qwen3-Embedding: Instruct: TEXT, and"
                    + " on the next line Query: and the document. Default: none.")
    private @Nullable String instruction;

    @Option(
            names = "--dims",
            paramLabel = "N",
            description = "An embedding has the first N numbers of the hidden state, and length 1. Models that are"
                    + " trained for it, such as Qwen3-Embedding, lose little by that. Default: all.")
    private @Nullable Integer dims;

    @Option(
            names = "--context",
            paramLabel = "N",
            description = "The model reads at most N tokens. Of a longer document it reads the beginning, and truncated"
                    + " is true. Default: the model's context, or the max_seq_length or model_max_length of its files"
                    + " of sentence-transformers, if that is less.")
    private @Nullable Integer context;

    @Override
    StructType addedColumns() {
        return EmbedJob.SCHEMA;
    }

    @Override
    EmbedJob.Settings plan(
            ModelReference reference, List<String> columns, Function<ModelChoice, ModelReference> models) {
        int positions = reference.config().maxPositions();
        int width = reference.config().hiddenSize();
        int tokens = context == null ? reference.embeddingContext() : context;
        int numbers = dims == null ? width : dims;
        if (tokens < 1) {
            throw Refusal.usage("--context must be at least 1, not " + tokens);
        }
        if (numbers < 1) {
            throw Refusal.usage("--dims must be at least 1, not " + numbers);
        }
        if (tokens > positions) {
            throw Refusal.usage("--context %,d is more than the model's %,d".formatted(tokens, positions));
        }
        if (numbers > width) {
            throw Refusal.usage("--dims %,d is more than the %,d of the model".formatted(numbers, width));
        }
        ContentColumn documents = content.column(reference);
        return EmbedJob.Settings.of(reference, documents)
                .withPrompt(prompt(reference, documents))
                .withColumns(columns)
                .withContext(tokens)
                .withDims(numbers);
    }

    /// Returns the text before each document.
    private String prompt(ModelReference reference, ContentColumn documents) {
        if (promptName != null && instruction != null) {
            throw Refusal.usage("give either --prompt-name or --instruction");
        }
        if (documents instanceof ContentColumn.Tokens) {
            if (promptName != null || instruction != null) {
                throw Refusal.usage("%s is for texts; with --tokens-column, put its tokens into the column"
                        .formatted(promptName != null ? "--prompt-name" : "--instruction"));
            }
            return "";
        }
        if (instruction != null) {
            // Qwen3-Embedding was trained to read an instruction in this form.
            return "Instruct: %s\nQuery:".formatted(instruction);
        }
        if (promptName == null) {
            return reference.defaultPrompt();
        }
        Map<String, String> prompts = reference.prompts();
        String prompt = prompts.get(promptName);
        if (prompt == null) {
            throw Refusal.usage("--prompt-name %s: the model has %s"
                    .formatted(
                            Quote.of(promptName),
                            prompts.isEmpty()
                                    ? "no prompts in config_sentence_transformers.json; take --instruction"
                                    : "the prompts " + Quote.list(List.copyOf(prompts.keySet()))));
        }
        return prompt;
    }

    @Override
    EmbedJob job(ModelReference reference, EmbedJob.Settings settings) {
        return new EmbedJob(reference, settings);
    }

    @Override
    List<String> memory(ModelReference reference, EmbedJob.Settings settings, SampledSizes sizes, SparkConf conf) {
        long longest = Math.clamp(sizes.longest(), 1, settings.context());
        return ModelFit.ofEmbedding(reference, Math.toIntExact(longest), conf);
    }

    @Override
    JobSummary summary(JobRun.Written written, ModelReference reference, EmbedJob.Settings settings) {
        Row total = written.output()
                .read(all -> all.agg(
                                count(lit(1)).as("rows"),
                                count(col("error")).as("errors"),
                                coalesce(sum("tokens"), lit(0L)).as("tokens"),
                                count(expr("if(truncated, 1, null)")).as("truncated"))
                        .first());
        long rows = total.<Long>getAs("rows");
        long tokens = total.<Long>getAs("tokens");
        long truncated = total.<Long>getAs("truncated");

        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("rows", rows);
        facts.put("errors", total.<Long>getAs("errors"));
        facts.put("tokens", tokens);
        facts.put("truncated", truncated);
        facts.put("dims", settings.dims());
        facts.put("prompt", settings.prompt());
        facts.put("tokens_per_second", tokens / written.seconds());
        return new JobSummary(
                JobSummary.title("Embedded " + JobSummary.count(rows, "row"), tokens, written.seconds()),
                facts,
                List.of(
                        "model       " + reference.label(),
                        "embeddings  %,d numbers each; %,d rows were cut to %,d tokens"
                                .formatted(settings.dims(), truncated, settings.context())));
    }
}
