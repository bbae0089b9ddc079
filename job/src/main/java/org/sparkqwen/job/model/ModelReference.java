package org.sparkqwen.job.model;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.ModelFolder;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.hostcache.Fingerprint;
import org.sparkqwen.engine.hostcache.ModelFiles;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.SentenceEncoder;
import org.sparkqwen.engine.model.TensorPlan;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.Labels;
import org.sparkqwen.engine.run.DocumentPrefix;
import org.sparkqwen.engine.run.ModelWarnings;
import org.sparkqwen.engine.run.OutputVocabulary;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.Tokenizer;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;
import org.sparkqwen.job.storage.CacheDirectory;
import org.sparkqwen.job.storage.ModelLocation;

/// A model that was checked on the driver, and how executors get and run it. It is sent to executors.
///
/// What the model's small files say is known on the driver alone, where they were parsed once. An executor parses its
/// own copy of them. The methods that answer from the driver's files throw `IllegalStateException` on an executor.
public final class ModelReference implements Serializable {
    private static final long serialVersionUID = 1L;

    private static final int LABEL_DIGITS = 12;

    private final String directory;
    private final String origin;
    private final String name;
    private final String sha256;
    private final WeightEncoding packed;
    private final @Nullable AdapterReference adapter;
    private final String packedAdapter; // sha256 of what was merged when the model was packed; empty if nothing was
    private final ExecutorOptions options;
    private final ModelSource source;

    @SuppressWarnings("serial") // List.copyOf makes it
    private final List<String> warnings;

    private final transient @Nullable Parsed parsed;

    /// The small files of a model, as the driver parsed them.
    ///
    /// @param config the configuration, with what the weights say
    /// @param tokenizer null for a model without one
    private record Parsed(ModelConfig config, @Nullable Tokenizer tokenizer, SentenceEncoder sentences) {}

    private ModelReference(
            String directory,
            String origin,
            String name,
            String sha256,
            WeightEncoding packed,
            @Nullable AdapterReference adapter,
            String packedAdapter,
            ExecutorOptions options,
            ModelSource source,
            List<String> warnings,
            @Nullable Parsed parsed) {
        this.directory = directory;
        this.origin = origin;
        this.name = name;
        this.sha256 = sha256;
        this.packed = packed;
        this.adapter = adapter;
        this.packedAdapter = packedAdapter;
        this.options = options;
        this.source = source;
        this.warnings = List.copyOf(warnings);
        this.parsed = parsed;
    }

    /// Checks everything about a model except the values of its weights, and fingerprints it. This reads every byte
    /// once, unless the cache knows the model. Every host must see the model under the same path.
    ///
    /// @param model a Hugging Face directory, a packed one, or a GGUF file
    /// @throws InvalidModelException if the engine cannot run it
    public static ModelReference open(Path model, ExecutorOptions options) {
        Path absolute = model.toAbsolutePath().normalize();
        return open(absolute, absolute.toString(), String.valueOf(absolute.getFileName()), options);
    }

    /// Opens a model with the default options.
    ///
    /// @throws InvalidModelException if the engine cannot run it
    public static ModelReference open(Path model) {
        return open(model, ExecutorOptions.DEFAULT);
    }

    /// Opens a model that lies elsewhere, through the driver's own copy of it. The copy is made now if the driver's
    /// cache has none. Call [#distribute] then, so that other hosts get theirs.
    ///
    /// @param uri a directory, or a GGUF file, on a file system that Spark reads, such as
    ///     `hdfs://host/models/Qwen3-4B`
    /// @param conf Spark's configuration, which says how to reach it
    /// @throws InvalidModelException if the engine cannot run it
    /// @throws RuntimeException with one line for a person, if the directory cannot be read
    public static ModelReference fetch(String uri, SparkConf conf, ExecutorOptions options) {
        String origin = ModelLocation.remote(uri).uri();
        Path copy = DriverCopy.of(origin, conf, CacheDirectory.of(options.cacheDirectory()));
        return open(copy, origin, origin.substring(origin.lastIndexOf('/') + 1), options);
    }

    private static ModelReference open(Path model, String origin, String name, ExecutorOptions options) {
        ModelConfig stated = ModelConfig.read(model);
        try (WeightFiles weights = WeightFiles.open(model, stated.family().names())) {
            WeightEncoding encoding = WeightEncoding.of(weights, options.weights());
            ModelConfig config = stated.with(weights);
            List<String> differences = TensorPlan.of(config).differences(weights);
            if (!differences.isEmpty()) {
                throw new InvalidModelException("%s: %s%s; see: inspect --model %s"
                        .formatted(
                                origin,
                                differences.getFirst(),
                                differences.size() > 1 ? " and %d more faults".formatted(differences.size() - 1) : "",
                                model));
            }
            WeightEncoding.refuse(
                    options.kernels().precision(), () -> Weights.layout(config, weights, options.weights()));
            Tokenizer tokenizer = TokenizerFiles.existIn(model) ? Tokenizer.ofModel(model) : null;
            SentenceEncoder sentences = SentenceEncoder.read(model);
            List<String> warnings = new ArrayList<>(ModelWarnings.of(model, config, tokenizer));
            warnings.addAll(sentences.warnings());
            String sha256 = Fingerprint.of(weights, CacheDirectory.of(options.cacheDirectory()));
            return new ModelReference(
                    model.toString(),
                    origin,
                    name,
                    sha256,
                    weights instanceof Checkpoint ? WeightEncoding.STORED : encoding,
                    null,
                    weights instanceof PackedFile file ? file.adapter().orElse("") : "",
                    options,
                    new ModelSource.Shared(model.toString(), sha256),
                    warnings,
                    new Parsed(config, tokenizer, sentences));
        }
    }

    /// Distributes the model to a cluster whose hosts do not see the directory. They copy it from the driver and
    /// from each other, once each, into their caches. This reads all of the model. What the driver holds for
    /// executors is freed with the returned reference.
    public ModelReference broadcast(SparkSession spark) {
        return distribute(ModelDistribution.BROADCAST, spark);
    }

    /// Returns the model in the form in which tasks of `spark` find it. Standard error says what
    /// [ModelDistribution#AUTO] chose, and why.
    ///
    /// @throws RuntimeException with one line for a person, if the model cannot be distributed in this way
    public ModelReference distribute(ModelDistribution way, SparkSession spark) {
        return way.distribute(this, spark, System.err);
    }

    /// Returns this model, which executors run in another way. Its files are neither opened nor distributed again.
    ///
    /// @param other options with the same cache directory
    /// @throws InvalidModelException if these options need integers, and the weights have none
    public ModelReference withOptions(ExecutorOptions other) {
        Parsed known = parsed;
        if (known != null && other.kernels().precision() == Precision.INT8) {
            try (WeightFiles weights = WeightFiles.open(path())) {
                WeightEncoding.refuse(Precision.INT8, () -> Weights.layout(known.config(), weights, other.weights()));
            }
        }
        return new ModelReference(
                directory, origin, name, sha256, packed, adapter, packedAdapter, other, source, warnings, parsed);
    }

    /// Returns this model with a LoRA adapter, which each host merges into the weights when it packs them. Call it
    /// on the driver, before [#distribute].
    ///
    /// @param lora a directory of this machine with adapter_config.json and adapter_model.safetensors, as PEFT
    ///     saves them
    /// @throws InvalidModelException if it is no adapter, if the model is packed, or if the adapter does not fit it
    public ModelReference withAdapter(Path lora) {
        return withFitting(AdapterReference.of(lora, options.cacheDirectory()));
    }

    /// Returns this model with a LoRA adapter that lies elsewhere, through the driver's own copy of it, from which
    /// hosts get it.
    ///
    /// @param uri a directory on a file system that Spark reads, with the files of [#withAdapter(Path)]
    /// @param conf Spark's configuration, which says how to reach it
    /// @throws InvalidModelException under the conditions of [#withAdapter(Path)]
    /// @throws RuntimeException with one line for a person, if the directory cannot be read
    public ModelReference withAdapter(String uri, SparkConf conf) {
        return withFitting(AdapterReference.fetch(uri, conf, options.cacheDirectory()));
    }

    private ModelReference withFitting(AdapterReference other) {
        ModelConfig config = config();
        WeightFiles.open(path(), config.family().names(), other.path()).close();
        return with(other);
    }

    ModelReference with(AdapterReference other) {
        return new ModelReference(
                directory, origin, name, sha256, packed, other, packedAdapter, options, source, warnings, parsed);
    }

    /// Returns the adapter that hosts merge into the weights; empty if there is none.
    Optional<AdapterReference> adapter() {
        return Optional.ofNullable(adapter);
    }

    /// Returns where the adapter is that hosts merge into the weights, as the user knows it: a directory on the
    /// driver, or a URI; empty if there is none.
    public Optional<String> adapterOrigin() {
        return adapter().map(AdapterReference::origin);
    }

    /// Returns the directory of the adapter on the driver, which hosts merge into the weights; empty if there is
    /// none.
    public Optional<Path> adapterPath() {
        return adapter().map(AdapterReference::path);
    }

    /// Returns the sha256 of the adapter that is merged into the weights, by hosts or when the model was packed;
    /// empty if there is none.
    public Optional<String> adapterSha256() {
        return adapter == null
                ? Optional.of(packedAdapter).filter(sha -> !sha.isEmpty())
                : Optional.of(adapter.sha256());
    }

    ModelReference from(ModelSource other) {
        return new ModelReference(
                directory, origin, name, sha256, packed, adapter, packedAdapter, options, other, warnings, parsed);
    }

    boolean isRemote() {
        return !origin.equals(directory);
    }

    ModelSource source() {
        return source;
    }

    /// Returns the files to copy. Called on the driver.
    ModelFiles files() {
        try (WeightFiles weights = WeightFiles.open(path())) {
            return ModelFiles.of(weights, CacheDirectory.of(options.cacheDirectory()));
        }
    }

    /// Returns the model's directory, or its GGUF file, on the driver, an absolute path.
    public String directory() {
        return directory;
    }

    /// Returns the directory in which the model's files lie on the driver.
    Path folder() {
        return ModelFolder.of(path()).directory();
    }

    /// Returns the model's directory, or its GGUF file, on the driver.
    public Path path() {
        return Path.of(directory);
    }

    /// Returns where the model is, as the user knows it: the directory on the driver, or a URI.
    public String origin() {
        return origin;
    }

    /// Returns `name@sha256` with the first twelve digits, as in the output's column `model`, and what changes the
    /// numbers of its rows: `+lora:` and digits of the sha256 of an adapter, `+` and the encoding of rounded
    /// weights, `/cuda` for GPUs, and `/` and a precision other than float32.
    public String label() {
        return labelled(LABEL_DIGITS, device().isGpu() ? "/" + device().kind() : "");
    }

    /// Returns the model's label with all digits of each sha256, without the kind of the device.
    public String identity() {
        return labelled(sha256.length(), "");
    }

    /// Returns the device on which executors run the model.
    public Device device() {
        return options.kernels().device();
    }

    private String labelled(int digits, String onDevice) {
        Precision precision = options.kernels().precision();
        String rounded = precision == Precision.FLOAT32 ? "" : "/" + precision;
        String merged =
                adapterSha256().map(sha -> "+lora:" + sha.substring(0, digits)).orElse("");
        return "%s@%s%s%s%s%s"
                .formatted(name, sha256.substring(0, digits), merged, encoding().suffix(), onDevice, rounded);
    }

    /// Returns the encoding of the weights with which executors compute.
    public WeightEncoding encoding() {
        return packed == WeightEncoding.STORED ? options.weights() : packed;
    }

    /// Returns the sha256 that identifies the model, over the names and the contents of the files that decide its
    /// results.
    public String sha256() {
        return sha256;
    }

    /// Returns how executors run the model.
    public ExecutorOptions options() {
        return options;
    }

    /// Returns what a person should know of the model's files, a line each.
    public List<String> warnings() {
        return warnings;
    }

    /// Returns the model's configuration.
    ///
    /// @throws IllegalStateException on an executor
    public ModelConfig config() {
        return onDriver().config();
    }

    /// Returns whether the model has a tokenizer. A model without one takes token ids alone.
    ///
    /// @throws IllegalStateException on an executor
    public boolean hasTokenizer() {
        return tokenizer() != null;
    }

    /// Returns how many token ids, from 0 on, a text may have.
    ///
    /// @throws IllegalStateException on an executor
    public int choosableTokens() {
        return new OutputVocabulary(tokenizer(), config()).size();
    }

    /// Returns the id of a token by its spelling in tokenizer.json, such as `<think>`; empty if there is none.
    ///
    /// @throws IllegalStateException on an executor
    public OptionalInt tokenId(String token) {
        Tokenizer tokenizer = tokenizer();
        return tokenizer == null ? OptionalInt.empty() : tokenizer.idOf(token);
    }

    /// Returns what documents are prefixed with if the user chooses nothing.
    ///
    /// @throws IllegalStateException on an executor
    public ScoringOptions.Prefix defaultPrefix(Windows windows) {
        return documentPrefix().byDefault(windows);
    }

    /// Returns the id of the token that a choice of prefix stands for; empty if the model has none.
    ///
    /// @throws IllegalStateException on an executor
    public OptionalInt prefixToken(ScoringOptions.Prefix prefix, Windows windows) {
        return documentPrefix().token(prefix, windows);
    }

    /// Checks that texts of this model can meet a constraint. This compiles the constraint, which may take seconds.
    ///
    /// @throws IllegalArgumentException with the part of the constraint that cannot be met or is not supported, or
    ///     if the model has no tokenizer
    /// @throws IllegalStateException on an executor
    public void check(Constraint constraint) {
        new OutputVocabulary(tokenizer(), config()).compile(constraint);
    }

    /// Returns the prompts of a model for embeddings, by their names; empty if it has none.
    ///
    /// @throws IllegalStateException on an executor
    public Map<String, String> prompts() {
        return onDriver().sentences().prompts();
    }

    /// Returns the prompt that precedes a text if the user chooses none; mostly empty.
    ///
    /// @throws IllegalStateException on an executor
    public String defaultPrompt() {
        SentenceEncoder sentences = onDriver().sentences();
        String name = sentences.defaultPrompt();
        return name == null ? "" : sentences.prompts().getOrDefault(name, "");
    }

    /// Returns the most tokens of a text that are embedded if the user chooses nothing: the model's context, or
    /// what sentence-transformers would cut texts to, if that is less.
    ///
    /// @throws IllegalStateException on an executor
    public int embeddingContext() {
        int positions = config().maxPositions();
        return Math.min(positions, onDriver().sentences().mostTokens().orElse(positions));
    }

    /// Refuses a model for embeddings, which was not trained to predict tokens, or cannot.
    ///
    /// @throws InvalidModelException if it has no head, or the modules of sentence-transformers
    /// @throws IllegalStateException on an executor
    public void requireHead() {
        if (onDriver().sentences().published()) {
            throw new InvalidModelException(
                    ("%s is a model for embeddings, as its modules.json says, and was not trained"
                                    + " to predict tokens; compute embeddings with the command embed")
                            .formatted(origin));
        }
        config().requireHead();
    }

    /// Checks that each label fits into the context.
    ///
    /// @param context the most tokens that the model reads of a prompt and a label
    /// @throws IllegalArgumentException naming a label that does not
    /// @throws IllegalStateException on an executor
    public void requireRoom(Labels labels, int context) {
        Tokenizer known = tokenizer();
        if (known == null) {
            return; // then each row is refused, because no label can be read
        }
        for (String label : labels.names()) {
            int tokens = known.encode(label, SpecialTokens.TEXT).length;
            if (tokens > context) {
                throw new IllegalArgumentException("the label '%s' has %,d tokens, and the context %,d"
                        .formatted(Quote.of(label), tokens, context));
            }
        }
    }

    /// Checks that another model can score the same tokens in the same windows as this one.
    ///
    /// @throws IllegalArgumentException with what differs
    /// @throws IllegalStateException on an executor
    public void requireComparable(ModelReference other, ScoringOptions scoring) {
        Tokenizer own = tokenizer();
        Tokenizer its = other.tokenizer();
        if ((own == null) != (its == null)) {
            throw new IllegalArgumentException("%s has %s tokenizer, and %s has %s"
                    .formatted(other.origin(), its == null ? "no" : "a", origin(), own == null ? "none" : "one"));
        }
        if (own != null && its != null) {
            own.differenceOf(its).ifPresent(difference -> {
                throw new IllegalArgumentException("%s has another tokenizer than %s: %s; excess loss needs the same"
                        .formatted(other.origin(), origin(), difference));
            });
        }
        if (other.config().vocabSize() < choosableTokens()) {
            throw new IllegalArgumentException("%s has a vocabulary of %,d tokens, and %s has %,d"
                    .formatted(other.origin(), other.config().vocabSize(), origin(), choosableTokens()));
        }
        int context = scoring.windows().context();
        if (context > other.config().maxPositions()) {
            throw new IllegalArgumentException("%s has a context of %,d tokens; choose a --context of at most that"
                    .formatted(other.origin(), other.config().maxPositions()));
        }
        OptionalInt token = prefixToken(scoring.prefix(), scoring.windows());
        if (!token.equals(other.prefixToken(scoring.prefix(), scoring.windows()))) {
            throw new IllegalArgumentException(
                    "%s has another prefix token than %s for documents; choose another --prefix"
                            .formatted(other.origin(), origin()));
        }
    }

    /// Returns the bytes of the packed weights.
    ///
    /// @throws IllegalStateException on an executor
    public long weightBytes() {
        ModelConfig config = config();
        try (WeightFiles weights =
                WeightFiles.open(path(), config.family().names(), adapterPath().orElse(null))) {
            return Weights.layout(config, weights, options.weights()).bytes();
        }
    }

    private DocumentPrefix documentPrefix() {
        return new DocumentPrefix(tokenizer(), config());
    }

    private @Nullable Tokenizer tokenizer() {
        return onDriver().tokenizer();
    }

    private Parsed onDriver() {
        if (parsed == null) {
            throw new IllegalStateException(
                    "what the files of %s say is known on the driver alone; ask there, and send the answer to executors"
                            .formatted(origin));
        }
        return parsed;
    }

    /// Returns where hosts find the model's files. References with an equal place lead to the same files.
    public String place() {
        return adapter == null
                ? source.place()
                : "%s, adapter %s".formatted(source.place(), adapter.source().place());
    }

    /// Returns the model's directory on this host, which is there already or is copied now. Called on an executor.
    ///
    /// @throws InvalidModelException if the directory is not there, or holds another model
    public HostDirectory onThisHost() {
        return new HostDirectory(source.open(CacheDirectory.of(options.cacheDirectory())));
    }

    /// Returns the adapter's directory on this host, which is there already or is copied now; empty if the model
    /// has no adapter. Called on an executor.
    ///
    /// @throws InvalidModelException if the directory is not there, or holds another adapter
    public Optional<HostDirectory> adapterOnThisHost() {
        return adapter()
                .map(each -> new HostDirectory(each.source().open(CacheDirectory.of(options.cacheDirectory()))));
    }
}
