"""vLLM's engine arguments that a configuration may pass on (``engines.extra``): every one of vLLM
0.32's is named here, once, under what it does to a run.

``ROWS``: answers come from another distribution than without it; part of what rows depend on.
``SPEED``: at most rounding changes, as it does with load; part of what rows depend on in a
reproducible run only. Refused are those that have a field of their own, that load code, models or
tokenizers past this project's checks, that open the network, or that the engine is run with.
"""

import difflib
from collections.abc import Mapping
from typing import Any

from lbt_core import UserError

VERSION = "0.32"

_ROWS = """
allow_deprecated_quantization disable_sliding_window enable_mamba_cache_stochastic_rounding
hf_overrides kv_cache_dtype kv_cache_dtype_skip_layers kv_sharing_fast_prefill mamba_cache_dtype
mamba_cache_philox_rounds mamba_ssm_cache_dtype model_impl override_generation_config
quantization quantization_config swa_bounded_replay use_fp64_gumbel
"""
ROWS = frozenset(_ROWS.split())

_SPEED = """
all2all_backend async_scheduling attention_backend cp_kv_cache_interleave_size
cpu_distributed_timeout_seconds cpu_offload_gb cpu_offload_params cudagraph_capture_sizes
cudagraph_metrics dbo_decode_token_threshold dbo_prefill_token_threshold dcp_comm_backend
dcp_kv_cache_interleave_size dcp_q_replicate decode_context_parallel_size disable_cascade_attn
disable_chunked_mm_input disable_custom_all_reduce disable_hybrid_kv_cache_manager
disable_nccl_for_dp_synchronization distributed_timeout_seconds dp_sync_interval
elastic_ep_max_dp_size enable_batch_sharded_sampling enable_chunked_prefill
enable_cumem_allocator enable_dbo enable_elastic_ep enable_ep_weight_filter enable_eplb
enable_expert_parallel enable_flashinfer_autotune enable_hc_sp enable_layerwise_nvtx_tracing
enable_logging_iteration_details enable_mamba_shared_prefix_checkpoint enable_mfu_metrics
enable_mixed_moe_lora_format enable_mm_processor_stats enable_moe_shared_loras
enable_nccl_comm_suspend enable_prefix_caching enable_shm_tensor_arena
enable_tower_connector_lora eplb_config expert_placement_strategy fully_sharded_loras
gdn_prefill_backend ignore_patterns interleave_mm_strings jit_monitor_mode jit_monitor_verbose
kda_decode_backend kda_prefill_backend kv_cache_memory_bytes kv_cache_metrics
kv_cache_metrics_sample kv_offloading_size language_model_only limit_mm_per_prompt
linear_backend long_prefill_token_threshold long_prefill_token_threshold_adaptive lora_dtype
lora_target_modules mamba_backend mamba_block_size mamba_cache_mode mamba_config
mamba_ssu_algorithm max_cpu_loras max_cudagraph_capture_size max_logprobs max_lora_cls_labels
max_lora_rank max_loras max_num_active_seqs max_num_queued_reqs max_num_queued_tokens
max_num_scheduled_tokens max_parallel_loading_workers mm_device_do_normalize
mm_encoder_attn_backend mm_encoder_attn_dtype mm_encoder_fp8_scale_save_margin mm_encoder_only
mm_encoder_tp_mode mm_hasher_algorithm mm_ipc_gpu_memory_gb mm_processor_cache_gb
mm_processor_cache_type mm_processor_device mm_processor_kwargs mm_shm_cache_max_object_size_mb
mm_tensor_ipc moe_backend num_gpu_blocks_override numa_bind numa_bind_cpus numa_bind_nodes
offload_backend offload_group_size offload_num_in_group offload_params offload_prefetch_step
optimization_level per_request_spec_decode_metrics performance_mode
prefill_context_parallel_size prefill_schedule_interval prefix_cache_retention_interval
prefix_caching_hash_algo prefix_match_unit pt_load_map_location renderer_num_workers
replayssm_buffer_len safetensors_load_strategy safetensors_prefetch_block_size
safetensors_prefetch_num_threads scheduler_reserve_full_isl scheduling_policy
show_hidden_metrics_for_version shutdown_timeout skip_mm_profiling sleep_mode_offload_cudagraph
sparse_indexer_topk_backend specialize_active_lora stream_interval ubatch_size use_replayssm
use_tqdm_on_load video_pruning_method video_pruning_rate watermark
"""
SPEED = frozenset(_SPEED.split())

OWN_FIELDS = {
    "dtype": "teacher.dtype",
    "enforce_eager": "engines.enforce_eager",
    "gpu_memory_utilization": "engines.gpu_memory_utilization",
    "load_format": "engines.load_format",
    "max_model_len": "teacher.max_model_len",
    "max_num_batched_tokens": "engines.max_num_batched_tokens",
    "max_num_seqs": "engines.max_num_seqs",
    "block_size": "engines.block_size",
    "model": "teacher.path",
    "revision": "teacher.revision",
    "seed": "seed",
    "tensor_parallel_size": "engines.tensor_parallel",
}
"""Arguments that are set by a field of the configuration, and that field."""

_CODE = """
additional_config attention_config aux_output_config code_revision compilation_config
diffusion_config distributed_executor_backend ec_manager_config engram_config
fault_tolerance_config io_processor_plugin ir_op_priority kernel_config logits_processors
model_class_overrides model_loader_extra_config reasoning_config reasoning_parser
reasoning_parser_plugin scheduler_cls structured_outputs_config trust_remote_code
watermark_config worker_cls worker_extension_cls
"""
_MODELS = """
config_format default_mm_loras download_dir enable_lora generation_config hf_config_path
hf_token mm_encoder_fp8_scale_path model_weights served_model_name skip_tokenizer_init
spec_method spec_model spec_tokens speculative_config tokenizer tokenizer_mode
tokenizer_revision
"""
_BEYOND = """
allowed_local_media_path allowed_media_domains collect_detailed_traces custom_histogram_buckets
data_parallel_address data_parallel_backend data_parallel_external_lb data_parallel_hybrid_lb
data_parallel_multi_port_external_lb data_parallel_rank data_parallel_rpc_port
data_parallel_size data_parallel_size_local data_parallel_start_rank device_ids
ec_transfer_config kv_events_config kv_offloading_backend kv_transfer_config log_config_file
log_level logging_config master_addr master_port media_io_kwargs mm_encoder_fp8_scale_save_path
nnodes node_rank otlp_traces_endpoint pipeline_parallel_size profiler_config
weight_transfer_config
"""
_AS_IT_IS = """
_api_process_count _api_process_rank aggregate_engine_logging convert disable_log_stats
enable_fault_tolerance enable_mm_embeds enable_prompt_embeds enable_return_routed_experts
enable_sleep_mode enable_trace_replay fail_on_environ_validation logprobs_mode pooler_config
ray_workers_use_nsight return_sampling_mask runner sleep_preserve_parameter_names tokens_only
"""
REFUSED: dict[str, str] = {
    **dict.fromkeys(
        _CODE.split(),
        "it can name code that vLLM would load and run",
    ),
    **dict.fromkeys(
        _MODELS.split(),
        "models and tokenizers are named by the run's configuration, which checks and records them",
    ),
    **dict.fromkeys(
        _BEYOND.split(),
        "it would reach beyond the engine, to the network, other devices or files",
    ),
    **dict.fromkeys(
        _AS_IT_IS.split(),
        "the engine is run with it as it is",
    ),
}
"""Arguments that are not let through, and why."""

Extra = Mapping[str, Any]


def check_extra(extra: Extra) -> None:
    """Raise UserError for an argument that vLLM does not have or that is not let through, inside
    of a mapping that is given to one too."""
    for name, value in extra.items():
        if name in OWN_FIELDS:
            raise UserError(f"{name}: set {OWN_FIELDS[name]} instead")
        if name in REFUSED:
            raise UserError(f"{name} is refused: {REFUSED[name]}")
        if name not in ROWS | SPEED:
            close = difflib.get_close_matches(name, sorted(ROWS | SPEED), n=1, cutoff=0.6)
            nearest = f" (did you mean {close[0]}?)" if close else ""
            raise UserError(f"{name}: vLLM {VERSION} has no such argument{nearest}")
        if inner := _refused_within(value):
            raise UserError(f"{name}: {inner} is refused: {REFUSED[inner]}")


def changing_rows(extra: Extra) -> dict[str, Any]:
    """The arguments that rows depend on."""
    return {name: value for name, value in sorted(extra.items()) if name in ROWS}


def _refused_within(value: Any) -> str:
    """The first refused name in nested mappings; "" where there is none."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in REFUSED:
                return str(name)
            if found := _refused_within(inner):
                return found
    if isinstance(value, list | tuple):
        return next((found for one in value if (found := _refused_within(one))), "")
    return ""
