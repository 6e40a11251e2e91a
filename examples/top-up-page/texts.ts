// What the page says, in three languages. The API's codes are translated here; a code that is newer than the page is shown
// by the API's own text.
export type Language = "en" | "zh-CN" | "vi";

const en = {
  title: "Wallet", balance: "Balance", topUp: "Top up", currency: "Currency", amount: "Amount", channel: "Payment",
  remitter: "You transfer from", name: "Account holder", bank: "Bank", agree: "I accept the agreement", pay: "Pay",
  orders: "Orders", flows: "Movements", more: "More", cancel: "Cancel", continue: "Continue", all: "All",
  main: "Wallet", total: "You pay {amount}; the wallet gets {credited}.", fee: "of it {fee} fee",
  bonus: "plus {bonus} bonus", granted: "{amount} of it promotional", held: "{amount} reserved", none: "None yet.",
  failed: "This did not work. Try again.", changed: "The price or the agreement has changed. Look at it again.",
  returned: "Thank you. The order is {status}.", between: "{minimum} to {maximum}",
  reference: "Reference", account: "Account", until: "Until", lost: "Connection lost; it is tried again.",
  card: "Card", paypal: "PayPal", vnpay: "VNPay", bank_transfer: "Bank transfer", fromBalance: "Wallet balance",
  pending: "waits for payment", processing: "in progress", completed: "paid", cancelled: "cancelled", fails: "failed",
  expired: "expired", recharge: "Top-up", consume: "Usage", refund: "Refund", transfer_in: "Transfer in",
  transfer_out: "Transfer out", grant: "Gift", expire: "Gift expired", adjust: "Correction",
  channel_wrong_currency: "Not in this currency.", channel_wrong_country: "Not in your country.",
  below_minimum: "The amount is too small.", above_maximum: "The amount is too large.",
  products_only: "For products only.", slip: "Show the transfer slip", slipSent: "Thank you. We look at the slip.",
  statement: "Statement of a month",
};
export type Texts = typeof en;

const zh: Texts = {
  title: "钱包", balance: "余额", topUp: "充值", currency: "币种", amount: "金额", channel: "支付方式",
  remitter: "汇款人", name: "户名", bank: "银行", agree: "我同意协议", pay: "支付",
  orders: "订单", flows: "账户流水", more: "更多", cancel: "取消", continue: "继续支付", all: "全部",
  main: "钱包", total: "支付 {amount}，到账 {credited}。", fee: "其中手续费 {fee}",
  bonus: "另赠 {bonus}", granted: "其中赠送 {amount}", held: "冻结 {amount}", none: "暂无。",
  failed: "操作失败，请重试。", changed: "价格或协议已变更，请重新确认。",
  returned: "谢谢。订单状态：{status}。", between: "{minimum} 至 {maximum}",
  reference: "附言", account: "账号", until: "截止", lost: "连接中断，正在重试。",
  card: "银行卡", paypal: "PayPal", vnpay: "VNPay", bank_transfer: "银行转账", fromBalance: "钱包余额",
  pending: "待支付", processing: "处理中", completed: "已支付", cancelled: "已取消", fails: "失败",
  expired: "已过期", recharge: "充值", consume: "消费", refund: "退款", transfer_in: "转入",
  transfer_out: "转出", grant: "赠送", expire: "赠送过期", adjust: "调整",
  channel_wrong_currency: "不支持该币种。", channel_wrong_country: "您所在的国家不可用。",
  below_minimum: "金额过小。", above_maximum: "金额过大。", products_only: "仅限产品。",
  slip: "上传转账凭证", slipSent: "谢谢，凭证已收到。", statement: "月度账单",
};

const vi: Texts = {
  title: "Ví", balance: "Số dư", topUp: "Nạp tiền", currency: "Tiền tệ", amount: "Số tiền", channel: "Thanh toán",
  remitter: "Người chuyển khoản", name: "Chủ tài khoản", bank: "Ngân hàng", agree: "Tôi đồng ý với thỏa thuận",
  pay: "Thanh toán", orders: "Đơn nạp", flows: "Biến động", more: "Xem thêm", cancel: "Hủy", continue: "Tiếp tục",
  all: "Tất cả", main: "Ví", total: "Bạn trả {amount}; ví nhận {credited}.", fee: "trong đó phí {fee}",
  bonus: "thêm {bonus} khuyến mãi", granted: "trong đó {amount} khuyến mãi", held: "tạm giữ {amount}",
  none: "Chưa có.", failed: "Không thực hiện được. Hãy thử lại.",
  changed: "Giá hoặc thỏa thuận đã thay đổi. Hãy xem lại.", returned: "Cảm ơn. Đơn: {status}.",
  between: "{minimum} đến {maximum}", reference: "Nội dung", account: "Tài khoản", until: "Hạn",
  lost: "Mất kết nối; đang thử lại.", card: "Thẻ", paypal: "PayPal", vnpay: "VNPay",
  bank_transfer: "Chuyển khoản", fromBalance: "Số dư ví", pending: "chờ thanh toán", processing: "đang xử lý",
  completed: "đã thanh toán", cancelled: "đã hủy", fails: "thất bại", expired: "hết hạn", recharge: "Nạp tiền",
  consume: "Sử dụng", refund: "Hoàn tiền", transfer_in: "Chuyển vào", transfer_out: "Chuyển ra", grant: "Quà tặng",
  expire: "Quà hết hạn", adjust: "Điều chỉnh", channel_wrong_currency: "Không dùng được với tiền tệ này.",
  channel_wrong_country: "Không dùng được ở nước bạn.", below_minimum: "Số tiền quá nhỏ.",
  above_maximum: "Số tiền quá lớn.", products_only: "Chỉ cho sản phẩm.", slip: "Gửi chứng từ chuyển khoản",
  slipSent: "Cảm ơn. Chúng tôi sẽ xem chứng từ.", statement: "Sao kê tháng",
};

const all: Record<Language, Texts> = { en, "zh-CN": zh, vi };

export const texts = (language: Language): Texts => all[language];

/** Puts values into the places of a text. */
export const fill = (text: string, values: Record<string, string>): string =>
  text.replace(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place);
