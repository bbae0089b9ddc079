package org.sparkqwen.engine.request;

/// The load of an engine: what it has computed since it was opened, and what it is working on at one moment.
///
/// @param scoredTokens computed tokens of documents that are scored or embedded; a token in several windows counts in
///     each
/// @param promptTokens computed tokens of prompts to generate from, again after a preemption too
/// @param sharedTokens tokens of prompts that were in the cache or in the batch already, and so were not computed
/// @param generatedTokens tokens that were chosen
/// @param batches batches that went through the model, of both kinds
/// @param batchTokens tokens in all of them together; full batches have [EngineOptions#batchTokens] each
/// @param running texts that are being generated, at most [EngineOptions#maxSequences]
/// @param waiting texts that wait for room
/// @param blocksUsed blocks of the KV cache that texts being generated use
/// @param blocksKept further blocks, kept for prompts that begin like earlier ones
/// @param blocks the most blocks that the cache may have
/// @param preemptions number of times that a text lost its blocks to others and was computed again
public record Load(
        long scoredTokens,
        long promptTokens,
        long sharedTokens,
        long generatedTokens,
        long batches,
        long batchTokens,
        int running,
        int waiting,
        int blocksUsed,
        int blocksKept,
        int blocks,
        long preemptions) {}
